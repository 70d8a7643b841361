import bz2
import functools
import gzip
import json
import lzma
import os
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from jaxlm.data.readers import (
    BadDocument,
    Document,
    ReadOptions,
    Record,
    read_file,
    read_tables,
    version_of,
)
from jaxlm.errors import ExitCode, UserError


def read(path: Path, **options) -> list[Record]:
    return list(read_file(path, path.name, source="s", options=ReadOptions(**options)))


def texts(path: Path, **options) -> list[str]:
    records = read(path, **options)
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
        (".bz2", lambda data: bz2.compress(data[:20]) + bz2.compress(data[20:])),
        (".xz", lambda data: lzma.compress(data[:20]) + lzma.compress(data[20:])),
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


COMPRESS = {
    "gz": gzip.compress,
    "zst": zstandard.compress,
    "bz2": functools.partial(bz2.compress, compresslevel=1),
    "xz": functools.partial(lzma.compress, preset=0),
}


def truncated(path: Path, num_lines: int = 20_000) -> Path:
    lines = b"".join(json.dumps({"text": str(n**5)}).encode() + b"\n" for n in range(num_lines))
    data = COMPRESS[path.name.rpartition(".")[2]](lines)
    return write(path, data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["jsonl", "txt"])
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_truncated_file_is_refused(tmp_path: Path, kind: str, compression: str) -> None:
    path = truncated(tmp_path / f"a.{kind}.{compression}")
    with pytest.raises(UserError, match=r"cannot read the file to its end") as error:
        read(path)
    assert str(path) in str(error.value)
    assert error.value.exit_code == ExitCode.UNUSABLE


@pytest.mark.parametrize("compression", COMPRESS)
def test_damage_may_be_reported_and_the_file_before_it_read(
    tmp_path: Path, compression: str
) -> None:
    path = truncated(tmp_path / f"a.jsonl.{compression}", num_lines=40_000)
    *good, bad = read(path, on_damage="report")
    assert len(good) > 100
    assert [record.text for record in good] == [str(n**5) for n in range(len(good))]
    assert isinstance(bad, BadDocument)
    assert str(bad).startswith(f"{path}:{len(good) + 1}: the rest of the file cannot be read: ")


def test_a_flipped_bit_in_a_compressed_file_is_found(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b'{"text": "abc"}\n' * 9))
    data[-6] ^= 1  # in the checksum
    with pytest.raises(UserError, match="incorrect data check"):
        read(write(tmp_path / "a.jsonl.gz", bytes(data)))


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.jsonl.xz", "a.parquet", "a.warc"])
def test_a_file_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"this is something else\n")
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        read(path)


def test_a_missing_parquet_column_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"no column 'text'; it has body"):
        read(tmp_path / "a.parquet")
    (record,) = read(tmp_path / "a.parquet", text_field="body")
    assert isinstance(record, Document)


@pytest.mark.parametrize("text", ["é\n漢字 line\n" * 9, "漢é🙂" * 20], ids=["lines", "one line"])
def test_a_huge_text_file_is_read_in_parts(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.txt", text.encode())
    parts = texts(path, max_document_bytes=37)
    assert "".join(parts) == text
    assert len(parts) > 3
    assert all(0 < len(part.encode()) <= 37 for part in parts)
    assert len({record.id for record in read(path, max_document_bytes=37)}) == len(parts)
    if "\n" in text:
        assert all(part.endswith("\n") for part in parts)


@pytest.mark.parametrize("bound", [15, 16, 17])
def test_a_long_line_is_a_bad_document(tmp_path: Path, bound: int) -> None:
    line = b'{"text": "0123"}'  # 16 bytes
    path = write(tmp_path / "a.jsonl", b'{"text":"1"}\n' + line + b'\r\n{"text":"2"}\n' + line)
    first, second, third, fourth = read(path, max_document_bytes=bound)
    assert (first.text, third.text) == ("1", "2")
    assert isinstance(second, Document) == isinstance(fourth, Document) == (bound >= 16)
    if bound < 16:
        assert "the line is longer than max_document_bytes=15" in str(second)


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.csv", "a.html"])
def test_a_huge_line_takes_little_memory(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"text\n" + b"x" * (1 << 25))
    tracemalloc.start()
    for record in read_file(
        path, name, source="s", options=ReadOptions(max_document_bytes=1 << 16)
    ):
        assert isinstance(record, BadDocument) or len(record.text) <= 1 << 16
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".txt.bz2", ".csv.zst", ".html.xz"])
def test_a_decompression_bomb_is_stopped(tmp_path: Path, suffix: str) -> None:
    data = b"text\n" + bytes(70 << 20)
    path = write(tmp_path / f"a{suffix}", COMPRESS[suffix.rpartition(".")[2]](data))
    with pytest.raises(UserError, match=r"expand more than 100 times .* decompression bomb"):
        for _ in read_file(path, "a", source="s", options=ReadOptions(max_expansion=100)):
            pass


def test_small_files_may_expand_as_they_like(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt.gz", gzip.compress(b"x" * 1_000_000))
    assert len(texts(path, max_expansion=10)[0]) == 1_000_000


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "x"}\n' * 3)
    records = read_file(path, "a", source="s")
    next(records)
    with path.open("ab") as file:
        file.write(b'{"text": "y"}\n')
    with pytest.raises(
        UserError, match=r"a\.jsonl: its contents changed while they were read"
    ) as error:
        list(records)
    assert error.value.exit_code == ExitCode.UNUSABLE


def test_a_file_that_grows_looks_truncated_but_is_called_changed(tmp_path: Path) -> None:
    path = truncated(tmp_path / "a.jsonl.gz")
    records = read_file(path, "a", source="s", options=ReadOptions(on_damage="report"))
    next(records)
    os.utime(path, ns=(1, 1))
    with pytest.raises(UserError, match="its contents changed"):
        list(records)


def test_a_file_that_is_not_the_one_listed_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"one")
    version = version_of(path)
    assert list(read_file(path, "a", source="s", version=version))
    write(path, b"other")
    with pytest.raises(UserError, match="its contents changed"):
        list(read_file(path, "a", source="s", version=version))


def test_a_file_that_is_gone_or_closed_to_us_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.txt: cannot read the file: No such file") as error:
        read(tmp_path / "none.txt")
    assert error.value.exit_code == ExitCode.STORAGE
    (tmp_path / "folder.txt").mkdir()  # permissions do not stop root, this does
    with pytest.raises(UserError, match=r"folder\.txt: cannot read the file: Is a directory"):
        read(tmp_path / "folder.txt", on_damage="report")


@pytest.mark.parametrize("name", ["a.pdf", "a.parquet.gz", "a", "a.gz"])
def test_a_file_without_a_reader_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no reader for such a name; supported are \.txt"):
        read(write(tmp_path / name, b"x"))


def test_own_ids(tmp_path: Path) -> None:
    lines = [{"text": "a", "key": "x1"}, {"text": "b", "key": 7}, {"text": "c"}]
    lines += [{"text": "d", "key": key} for key in ("", None, True, 1.5)]
    data = "\n".join(map(json.dumps, lines)).encode()
    records = read(write(tmp_path / "a.jsonl", data), id_field="key")
    assert [record.id for record in records[:2]] == ["x1", "7"]
    assert [record.reason for record in records[2:]] == [
        "no field 'key'; it has text",
        "field 'key' is empty",
        "field 'key' holds NoneType, not text",
        "field 'key' holds bool, not text",
        "field 'key' holds float, not text",
    ]
    pq.write_table(pa.table({"text": ["a", "b"], "key": [3, 4]}), tmp_path / "a.parquet")
    assert [record.id for record in read(tmp_path / "a.parquet", id_field="key")] == ["3", "4"]


def test_tables_hold_what_single_documents_hold(tmp_path: Path) -> None:
    lines = [json.dumps({"text": "é" * n}) for n in range(200)]
    lines[10] = lines[150] = "no json"
    path = write(tmp_path / "a.jsonl", "\n".join(lines).encode())
    tables = list(read_tables(path, "a", source="s", table_bytes=5000))
    records = list(read_file(path, "a", source="s"))
    rows = [row for table, _ in tables for row in table.to_pylist()]
    assert rows == [vars(record) for record in records if isinstance(record, Document)]
    assert [bad for _, found in tables for bad in found] == [records[10], records[150]]
    assert {str(table.schema) for table, _ in tables} == {
        "id: string\ntext: string\nsource: string"
    }
    sizes = [sum(len(text.encode()) for text in t["text"].to_pylist()) for t, _ in tables]
    assert len(sizes) > 5
    assert all(4000 < size < 6000 for size in sizes[:-1])


def test_a_table_of_bad_documents_only_is_empty(tmp_path: Path) -> None:
    ((table, bad),) = read_tables(write(tmp_path / "a.jsonl", b"x\n"), "a", source="s")
    assert (table.num_rows, table.column_names, len(bad)) == (0, ["id", "text", "source"], 1)
    assert not list(read_tables(write(tmp_path / "b.jsonl", b""), "b", source="s"))
