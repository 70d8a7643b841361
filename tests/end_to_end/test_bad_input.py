"""Bad text and damaged stores: a message with the path, the right exit code, and nothing lost."""

import dataclasses
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

import jaxlm.parts
from jaxlm.config import TrainConfig
from jaxlm.data.tokenise import tokenise
from jaxlm.errors import ExitCode, UserError
from tests.end_to_end.program import RECIPE
from tests.end_to_end.records import assert_same_run, curve, standing


def with_data(config: TrainConfig, folder: Path, *paths: str, **data: object) -> TrainConfig:
    """The configuration with other text, and stores of its own."""
    data = {"path": paths, "store_dir": str(folder / "stores"), **data}
    return dataclasses.replace(config, data=dataclasses.replace(config.data, **data))


def json_lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


BAD_FILES = {
    "empty.txt": (b"", "no text in 1 files"),
    "latin1.txt": (b"fine\ncaf\xe9\n", "latin1.txt:2: not UTF-8: byte 0xe9 at byte 8"),
    "truncated.jsonl.gz": (gzip.compress(json_lines(["a river"] * 99))[:-20], "to its end"),
    "torn.jsonl": (json_lines(["a river"] * 40)[:-5], "torn.jsonl:40: not JSON"),
    "other.pdf": (b"%PDF", r"supported are \.txt, \.jsonl, .*\.parquet"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_text_is_named_before_anything_is_trained(train, tmp_path, toy_config, name):
    content, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    config = with_data(toy_config, tmp_path, str(tmp_path / name), max_bad_documents=0)
    with pytest.raises(UserError, match=message) as caught:
        train(tmp_path / "run", config=config, build=jaxlm.parts.build)
    assert caught.value.exit_code == (ExitCode.USAGE if name == "other.pdf" else ExitCode.UNUSABLE)
    assert str(tmp_path / name) in str(caught.value)
    assert standing(tmp_path / "run") == ("failed", 0)
    assert not list((tmp_path / "stores").glob("*")), "half a store was left"


def test_a_folder_without_text_leaves_with_77_and_no_traceback(workplace, tmp_path):
    (tmp_path / "nothing").mkdir()
    result = workplace.train(
        str(RECIPE), f"run_dir={tmp_path / 'run'}", f"data.path={tmp_path / 'nothing'}"
    )
    assert result.returncode == ExitCode.UNUSABLE
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: data.path=") and str(tmp_path / "nothing") in last
    assert "Traceback" not in result.stderr


def losses(run: Path) -> list[str]:
    return [loss for _, loss, _ in curve(run)]


def test_a_bad_file_among_good_ones_is_named_and_costs_only_itself(
    train, tmp_path, toy_config, workplace, whole, capsys
):
    for path in (workplace.folder / "text").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "99.txt").write_bytes(b"a river\xff")
    (tmp_path / "98.txt").write_bytes(b"")
    config = with_data(toy_config, tmp_path, str(tmp_path / "*.txt"))
    assert train(tmp_path / "run", config=config) == ExitCode.DONE
    said = capsys.readouterr().err
    assert f"{tmp_path / '99.txt'}:1: not UTF-8: byte 0xff at byte 7; left out" in said
    assert "left out 1 empty documents, the first of them 98.txt" in said
    assert losses(tmp_path / "run") == losses(whole)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_in_half, flip_byte])
def test_a_damaged_shard_is_named_and_nothing_is_lost(train, tmp_path, toy_config, whole, damage):
    config = with_data(toy_config, tmp_path, "text/*.txt")
    train(tmp_path / "first", config=config)
    shard = next((tmp_path / "stores").glob("*/train.0.tokens"))
    content = shard.read_bytes()
    damage(shard)
    damaged = shard.read_bytes()
    message = f"{re.escape(str(shard))}: expected .*, found "
    with pytest.raises(UserError, match=message) as caught:
        train(tmp_path / "run", config=config)
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert shard.read_bytes() == damaged
    shard.write_bytes(content)
    assert train(tmp_path / "run", config=config) == ExitCode.DONE
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.slow
def test_a_line_of_a_hundred_megabytes_is_kept_whole(toy_config, tmp_path):
    line = "every river follows one stone. " * 3_400_000
    path = tmp_path / "long.jsonl"
    path.write_bytes(json_lines(["a river holds a stone."] * 40 + [line]))
    assert path.stat().st_size > 100_000_000
    store = tokenise(with_data(toy_config, tmp_path, str(path)), lambda message: None)
    sources = [*store.split("train"), *store.split("validation")]
    lengths = np.concatenate([np.diff(source.offsets) for source in sources])
    assert lengths.max() == len(line) + 2
    assert len(lengths) == 41


def test_a_refused_resume_leaves_what_the_run_says_of_itself(
    train, tmp_path, toy_config, workplace
):
    for path in (workplace.folder / "text").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = with_data(toy_config, tmp_path, str(tmp_path / "*.txt"))
    run = tmp_path / "run"
    assert train(run, config=config) == ExitCode.DONE
    names = ("config.json", "command.txt", "versions.json")
    before = {name: (run / name).read_bytes() for name in names}
    (tmp_path / "new.txt").write_text("every river follows another stone. " * 9)
    with pytest.raises(UserError) as caught:
        train(run, config=dataclasses.replace(config, num_steps=20))
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert {name: (run / name).read_bytes() for name in names} == before
