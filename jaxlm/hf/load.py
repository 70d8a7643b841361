"""Reads a model from a Hugging Face folder."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open

from jaxlm.errors import ExitCode, UserError
from jaxlm.hf.names import NameTable
from jaxlm.layers.compute import Compute, reference
from jaxlm.models.base import Model, Params, architectures, with_buffers


def load_model(directory: str | Path, compute: Compute | None = None) -> tuple[Model, Params]:
    """Reads `config.json` and the safetensors files of a folder.

    Args:
      directory: A folder as `save_pretrained` writes it or as it is published.
      compute: Precision and kernels; float32 and the plain ones by default.

    Returns:
      The model and its parameters.

    Raises:
      UserError: The folder, the architecture or a tensor is missing or does not fit; names it.
    """
    directory = Path(directory)
    table, hf_config = read_config(directory)
    model = table.config(hf_config).build(compute or reference())
    with _Tensors(directory) as tensors:
        return model, read_params(model, table, tensors)


def read_config(directory: Path) -> tuple[NameTable, dict[str, Any]]:
    """Reads `config.json` and finds the architecture that understands it."""
    path = directory / "config.json"
    try:
        hf_config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _unusable(f"{path}: cannot be read as a model's config.json: {error}") from None
    tables = [module.HF for module in architectures().values()]
    for table in tables:
        if table.model_type == hf_config.get("model_type"):
            return table, hf_config
    known = sorted(table.model_type for table in tables)
    raise _unusable(
        f"{path}: model_type is {hf_config.get('model_type')!r}, which jaxlm does not know; "
        f"it knows {known}"
    )


def read_params(model: Model, table: NameTable, tensors: "_Tensors") -> Params:
    """Collects every parameter of the model, stacking layers, and accounts for every tensor."""
    used: set[str] = set()

    def read(path: Any, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        entry = table.names[jax.tree_util.keystr(path, simple=True, separator=".")]
        stacked = "{layer}" in entry.name
        shape = leaf.shape[1:] if stacked else leaf.shape
        layers = range(leaf.shape[0]) if stacked else (0,)
        parts = []
        for layer in layers:
            name = entry.name.format(layer=layer)
            used.add(name)
            parts.append(_fitted(entry, tensors.read(name), shape, name, tensors))
        whole = np.stack(parts) if stacked else parts[0]
        return jnp.asarray(whole, leaf.dtype)

    params = jax.tree_util.tree_map_with_path(
        read, with_buffers(model.abstract_params(), model.abstract_buffers())
    )
    # A tied checkpoint may repeat the embedding as the output matrix.
    tied = {"lm_head.weight"} if "unembed" not in params else set()
    left = [n for n in tensors.names - used - tied if not n.endswith(table.ignored)]
    if left:
        raise _unusable(
            f"{tensors.directory}: {len(left)} tensors are not part of the model of config.json: "
            f"{', '.join(sorted(left)[:10])}"
        )
    return params


def _fitted(
    entry: Any, tensor: np.ndarray, shape: tuple[int, ...], name: str, tensors: "_Tensors"
) -> np.ndarray:
    if not entry.fits(tensor, shape):
        raise _unusable(
            f"{tensors.directory}: tensor {name} has shape {tensor.shape}, which does not fit the "
            f"model's {shape}; config.json and the weights belong to different models"
        )
    return entry.to_ours(tensor, shape)


def _unusable(message: str) -> UserError:
    return UserError(message, ExitCode.UNUSABLE)


def _weight_files(directory: Path) -> list[Path]:
    """The files that `model.safetensors.index.json` lists, or the single `model.safetensors`."""
    index = directory / "model.safetensors.index.json"
    if not index.exists():
        return [directory / "model.safetensors"]
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError) as error:
        raise _unusable(f"{index}: damaged: {error!r}") from None
    return [directory / name for name in sorted(names)]


class _Tensors:
    """All tensors of a folder's safetensors files, read one at a time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files: dict[str, Any] = {}
        for path in _weight_files(directory):
            try:
                file = safe_open(path, framework="flax")
            except (SafetensorError, OSError) as error:
                raise _unusable(
                    f"{path}: missing, damaged or no safetensors file: {error}"
                ) from None
            self._files.update(dict.fromkeys(file.keys(), file))

    def __enter__(self) -> "_Tensors":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.clear()

    @property
    def names(self) -> set[str]:
        return set(self._files)

    def read(self, name: str) -> np.ndarray:
        if name not in self._files:
            raise _unusable(f"{self.directory}: tensor {name} is missing")
        return np.asarray(self._files[name].get_tensor(name))
