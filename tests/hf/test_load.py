"""Folders that cannot be read are named, with what is wrong in them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jaxlm.errors import ExitCode, UserError
from jaxlm.hf import load_model
from jaxlm.hf.names import Linear

GOLDEN = Path(__file__).parents[1] / "golden" / "llama3"


@pytest.fixture
def folder(tmp_path):
    for name in ("config.json", "model.safetensors"):
        shutil.copy(GOLDEN / name, tmp_path / name)
    return tmp_path


def refused(folder, *words):
    with pytest.raises(UserError) as caught:
        load_model(folder)
    assert caught.value.exit_code == ExitCode.UNUSABLE
    for word in (str(folder), *words):
        assert word in str(caught.value)


def edit(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_unknown_architecture(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "mamba"}))
    refused(folder, "config.json", "'mamba'", "llama")


def test_damaged_config(folder):
    (folder / "config.json").write_text("{")
    refused(folder, "config.json")


def test_missing_tensor(folder):
    name = "model.layers.1.mlp.up_proj.weight"
    edit(folder, lambda tensors: tensors.pop(name))
    refused(folder, name, "missing")


def test_unexpected_tensor(folder):
    edit(folder, lambda tensors: tensors.update({"model.extra": np.zeros(3, np.float32)}))
    refused(folder, "model.extra")


def test_wrong_shape(folder):
    name = "model.norm.weight"
    edit(folder, lambda tensors: tensors.update({name: np.zeros(7, np.float32)}))
    refused(folder, name, "(7,)", "(64,)")


def test_rotary_tables_are_skipped(folder):
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    edit(folder, lambda tensors: tensors.update({name: np.zeros(8, np.float32)}))
    load_model(folder)


def test_truncated_file(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    refused(folder, "model.safetensors")


def test_lying_header(folder):
    path = folder / "model.safetensors"
    path.write_bytes((2**40).to_bytes(8, "little") + path.read_bytes()[8:])
    refused(folder, "model.safetensors")


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "model.safetensors")


def test_sharded_weights_equal_one_file(folder):
    whole = load_model(folder)[1]
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for part, members in parts.items():
        save_file({name: tensors[name] for name in members}, folder / part)
    weight_map = {name: part for part, members in parts.items() for name in members}
    index = {"weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    np.testing.assert_array_equal(
        load_model(folder)[1]["embed"]["embedding"], whole["embed"]["embedding"]
    )


def test_linear_weights_are_transposed_into_heads():
    weight = np.arange(24.0).reshape(6, 4)
    ours = Linear("w").to_ours(weight, (4, 3, 2))
    np.testing.assert_array_equal(ours[:, 2, 1], weight[5])
