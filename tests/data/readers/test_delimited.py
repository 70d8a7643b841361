import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlm.data.readers import BadDocument, Document, ReadOptions, Record, read_file
from jaxlm.data.readers.delimited import read_csv, read_tsv
from jaxlm.errors import UserError

TABLE = b'\xef\xbb\xbfid,text\r\n1,"one\r\ntwo"\r\n2,"a ""b"", c"\r\n\r\n3,\r\n4,last'


def read(path: Path, data: bytes, **options) -> list[Record]:
    path.write_bytes(data)
    return list(read_file(path, path.name, source="s", options=ReadOptions(**options)))


def test_quotes_hold_line_ends_commas_and_quotes(tmp_path: Path) -> None:
    records = read(tmp_path / "a.csv", TABLE)
    assert [record.text for record in records] == ["one\r\ntwo", 'a "b", c', "", "last"]
    assert [record.id for record in records] == [f"a.csv:{line}" for line in (2, 4, 6, 7)]
    records = read(tmp_path / "a.csv", TABLE, id_field="id")
    assert [record.id for record in records] == ["1", "2", "3", "4"]


def test_tabs(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "a.tsv", b'text\tx\n"a\tb, c\nd"\t1\n')
    assert record == Document(id="a.tsv:2", text="a\tb, c\nd", source="s")


@pytest.mark.parametrize(
    ("row", "line", "reason"),
    [
        (b"a,b", 3, "2 values where the header has 1 columns"),
        (b'"a"b', 3, "not CSV: "),
        (b"\xff", 3, "not UTF-8: byte 0xff at byte 0"),
        (b'"x\ny\xffz"', 4, "not UTF-8: byte 0xff at byte 1"),
        (b"x" * 99, 3, "the row (is a quote left open?) is longer than max_document_bytes=80"),
    ],
)
def test_a_bad_row_is_named_and_its_neighbours_are_read(
    tmp_path: Path, row: bytes, line: int, reason: str
) -> None:
    data = b"text\none\n" + row + b"\ntwo\n"
    first, bad, *_, last = read(tmp_path / "a.csv", data, max_document_bytes=80)
    assert isinstance(bad, BadDocument)
    assert bad.line == line
    assert reason in bad.reason
    assert (first.text, last.text) == ("one", "two")


def test_a_quote_that_is_never_closed_is_named(tmp_path: Path) -> None:
    data = b'text\none\n"' + b"x\n" * 50
    first, bad, *rest = read(tmp_path / "a.csv", data, max_document_bytes=80)
    assert str(bad).endswith(
        "a.csv:3: the row (is a quote left open?) is longer than max_document_bytes=80"
    )
    assert {record.text for record in rest} == {"x"}
    first, bad = read(tmp_path / "a.csv", b'text\none\n"two\nthree\n')
    assert first.text == "one"
    assert str(bad).endswith("a.csv:3: not CSV: unexpected end of data")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"body,x", "no column 'text'; it has body, x"),
        (b"text,text", "more than one column 'text'"),
        (b'"text"x', "its header is not CSV"),
    ],
)
def test_a_bad_header_is_refused(tmp_path: Path, header: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path / "a.csv", header + b"\n1,2\n")
    (bad,) = read(tmp_path / "a.csv", header + b"\n1,2\n", on_damage="report")
    assert isinstance(bad, BadDocument)


def test_a_file_without_rows(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", b"") == read(tmp_path / "b.csv", b"text\n") == []


def test_long_fields_are_read(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "a.csv", b"text\n" + b"x" * 200_000)
    assert len(record.text) == 200_000


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)),
    st.sampled_from([(",", read_csv), ("\t", read_tsv)]),
)
def test_whatever_the_standard_library_writes_is_read_back(rows, kind) -> None:
    delimiter, reader = kind
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["text", "x"], *rows])
    file = io.BufferedReader(io.BytesIO(out.getvalue().encode()))
    assert [item.text for item in reader(file, ReadOptions())] == [row[0] for row in rows]
