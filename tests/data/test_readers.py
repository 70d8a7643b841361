import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from jaxlm.data import readers
from jaxlm.data.readers import BadDocument, Document, Record, read_file
from jaxlm.errors import ExitCode, UserError


def read(path: Path, field: str = "text") -> list[Record]:
    return list(read_file(path, path.name, source="s", text_field=field))


def texts(path: Path) -> list[str]:
    records = read(path)
    assert all(isinstance(record, Document) for record in records), records
    return [record.text for record in records if isinstance(record, Document)]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


LINES = b'{"text": "one\\ntwo"}\n\n{"text": "", "x": 1}\n{"text": "\xc3\xa9"}'


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        ("", bytes),
        (".gz", lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:])),
        (
            ".zst",
            lambda data: zstandard.compress(data[:20]) + zstandard.compress(data[20:]),
        ),
    ],
)
def test_jsonl_of_every_compression(tmp_path: Path, suffix: str, compress) -> None:
    path = write(tmp_path / f"a.jsonl{suffix}", compress(LINES))
    assert texts(path) == ["one\ntwo", "", "é"]
    assert [record.id for record in read(path)] == [f"a.jsonl{suffix}:{n}" for n in (1, 3, 4)]


def test_a_text_file_is_one_document_as_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"\xef\xbb\xbfone\r\n\ttwo\x00\n")
    (record,) = read(path)
    assert record == Document(id="a.txt", text="one\r\n\ttwo\x00\n", source="s")


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({"text": ["one", None, "", "été"], "other": [1, 2, 3, 4]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    records = read(tmp_path / "a.parquet")
    assert [type(record) for record in records] == [Document, BadDocument, Document, Document]
    assert records[3] == Document(id="a.parquet:4", text="été", source="s")
    assert "a.parquet:2: column 'text' holds NoneType, not text" in str(records[1])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "not a JSON object but list"),
        (b'{"body": "x", "id": 3}', "no field 'text'; it has body, id"),
        (b'{"text": 3}', "field 'text' holds int, not text"),
        (b'{"text": "x"', "not JSON: "),
        (b'{"text": "\xff"}', "not UTF-8: byte 0xff at byte 10"),
        (rb'{"text": "a\ud800"}', "half of a surrogate pair at character 1"),
        (b"[" * 200_000, "not JSON: "),
    ],
)
def test_a_bad_line_is_named_and_its_neighbours_are_read(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "one"}\n' + line + b'\n{"text": "two"}\n')
    first, bad, last = read(path)
    assert isinstance(bad, BadDocument)
    assert str(bad).startswith(f"{path}:2: ")
    assert reason in bad.reason
    assert [first.text, last.text] == ["one", "two"]


def test_a_text_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"one\ntwo\nth\xe9ee\n")
    (bad,) = read(path)
    assert str(bad) == f"{path}:3: not UTF-8: byte 0xe9 at byte 10"


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.txt.gz", "a.jsonl.zst", "a.txt.zst"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    lines = b"".join(json.dumps({"text": str(n**5)}).encode() + b"\n" for n in range(5000))
    data = gzip.compress(lines) if name.endswith("gz") else zstandard.compress(lines)
    path = write(tmp_path / name, data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cannot read the file to its end") as error:
        read(path)
    assert str(path) in str(error.value)
    assert error.value.exit_code == ExitCode.UNUSABLE


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_a_file_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"this is something else\n")
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        read(path)


def test_a_missing_parquet_column_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"no column 'text' \(data.text_field\); it has body"):
        read(tmp_path / "a.parquet")
    (record,) = read(tmp_path / "a.parquet", field="body")
    assert isinstance(record, Document)


@pytest.mark.parametrize("text", ["é\n漢字 line\n" * 9, "漢é🙂" * 20], ids=["lines", "one line"])
def test_a_huge_text_file_is_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(readers, "MAX_DOCUMENT_BYTES", 37)
    path = write(tmp_path / "a.txt", text.encode())
    parts = texts(path)
    assert "".join(parts) == text
    assert len(parts) > 3
    assert all(0 < len(part.encode()) <= 37 for part in parts)
    assert len({record.id for record in read(path)}) == len(parts)
    if "\n" in text:
        assert all(part.endswith("\n") for part in parts)
