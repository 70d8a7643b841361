"""A stage's parts exist whole or not at all."""

import pyarrow as pa
import pytest

from jaxlm.data.shop.stage import Stage, digest
from jaxlm.errors import ExitCode, UserError

SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string())])


def stage(root, settings="a", keys=("x", "y")):
    return Stage(name="texts", digest=digest(settings), root=root, keys=keys)


def write(target, part, texts):
    record = {"documents": 0}
    with target.write(part, SCHEMA, record) as writer:
        for number, text in enumerate(texts):
            writer.add(pa.table({"text": [text], "number": [number]}))
            record["documents"] += 1


def test_what_is_written_is_read(tmp_path):
    target = stage(tmp_path)
    assert target.missing() == [0, 1]
    write(target, 1, ["a", "b"])
    assert target.missing() == [0]
    write(target, 0, [])
    assert target.missing() == []
    assert [table.num_rows for table in target.tables()] == [0, 2]
    assert target.records() == [{"documents": 0}, {"documents": 2}]
    (batch, _) = target.batches(1, ["text"])
    assert batch.to_pydict() == {"text": ["a"]}


def test_settings_decide_the_directory_and_keys_the_part(tmp_path):
    write(stage(tmp_path), 0, ["a"])
    assert stage(tmp_path, "b").missing() == [0, 1]
    # A part that is there is found again beside new ones, wherever it stands.
    assert stage(tmp_path, keys=("new", "x")).missing() == [0]


def test_a_part_that_fails_leaves_nothing(tmp_path):
    target = stage(tmp_path)
    with pytest.raises(ZeroDivisionError), target.write(0, SCHEMA, {}) as writer:
        writer.add(pa.table({"number": [1], "text": ["a"]}))
        raise ZeroDivisionError
    assert target.missing() == [0, 1]
    assert list(target.directory.iterdir()) == []


@pytest.mark.parametrize("damage", ["truncate", "delete", "record"])
def test_a_damaged_part_is_made_again(tmp_path, damage):
    target = stage(tmp_path)
    write(target, 0, ["a"])
    path = target.path(0)
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "delete":
        path.unlink()
    else:
        path.with_suffix(".json").write_text('{"bytes"')
    assert target.missing() == [0, 1]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    target = stage(tmp_path / "file")
    with (
        pytest.raises(UserError, match="out_dir") as caught,
        target.write(0, SCHEMA, {}),
    ):
        pass
    assert caught.value.exit_code == ExitCode.STORAGE


def test_what_goes_wrong_beside_the_writing_is_not_called_a_failed_write(tmp_path):
    with pytest.raises(FileNotFoundError), stage(tmp_path).write(0, SCHEMA, {}):
        (tmp_path / "absent").read_bytes()


def test_a_part_that_cannot_be_read_is_made_again(tmp_path):
    target = stage(tmp_path)
    write(target, 0, ["a"])
    write(target, 1, ["b"])
    content = bytearray(target.path(0).read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    target.path(0).write_bytes(content)
    assert target.missing() == []
    with pytest.raises(UserError, match="is damaged") as caught:
        list(target.batches(0))
    assert caught.value.exit_code == ExitCode.RESTART
    assert target.missing() == [0]
