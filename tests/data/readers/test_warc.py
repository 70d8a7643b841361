import gzip
import json
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.readers import BadDocument, Document, ReadOptions, Record, read_file
from jaxlm.errors import UserError

pytest.importorskip("warcio")
pytest.importorskip("trafilatura")

PARAGRAPH = "Dieser Absatz ist lang genug, um als der Haupttext einer Seite zu gelten: äöü {n}."
HTML = "<html><body><article><h1>Kopf</h1><p>{p}</p><p>Noch {p}</p></article></body></html>"


def record(kind: str, body: bytes, *, number: int = 1, uri: str = "https://a.example/") -> bytes:
    """A record as ISO 28500 writes it."""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
        f"WARC-Target-URI: {uri}\r\nContent-Type: application/http\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def response(
    content: bytes, kind: str = "text/html", status: str = "200 OK", more: str = ""
) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}\r\n".encode() + content


def page(number: int) -> str:
    return HTML.format(p=PARAGRAPH.format(n=number))


def main_text(number: int) -> str:
    return "Kopf\n{p}\nNoch {p}".format(p=PARAGRAPH.format(n=number))


def read(path: Path, data: bytes, **options) -> list[Record]:
    path.write_bytes(data)
    return list(read_file(path, path.name, source="s", options=ReadOptions(**options)))


ARCHIVE = [
    record("warcinfo", b"software: x\r\n"),
    record("request", b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    record("response", response(page(1).encode()), number=1),
    record(
        "response", response(page(2).encode("latin-1"), "text/html; charset=ISO-8859-1"), number=2
    ),
    record("response", response(b"\x89PNG", "image/png"), number=3),
    record("response", response(page(4).encode(), status="404 Not Found"), number=4),
    record("response", response("plain é\n".encode(), "text/plain;charset=UTF-8"), number=5),
    record("metadata", b"x: y\r\n"),
]


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".warc", b"".join(ARCHIVE)),
        (".warc.gz", b"".join(map(gzip.compress, ARCHIVE))),
        (".warc.gz", gzip.compress(b"".join(ARCHIVE))),
        (".warc.zst", zstandard.compress(b"".join(ARCHIVE))),
    ],
)
def test_responses_are_documents(tmp_path: Path, suffix: str, data: bytes) -> None:
    assert read(tmp_path / f"a{suffix}", data) == [
        Document(id=f"urn:uuid:{number}", text=text, source="s")
        for number, text in enumerate([main_text(1), main_text(2), "", "", "plain é\n"], start=1)
    ]


def test_transfer_encodings(tmp_path: Path) -> None:
    content = page(7).encode()
    chunked = f"{len(content):x}\r\n".encode() + content + b"\r\n0\r\n\r\n"
    data = record("response", response(chunked, more="Transfer-Encoding: chunked\r\n"))
    data += record("response", response(gzip.compress(content), more="Content-Encoding: gzip\r\n"))
    data += record("response", response(b"?", more="Content-Encoding: secret\r\n"))
    first, second, bad = read(tmp_path / "a.warc", data)
    assert first.text == second.text == main_text(7)
    assert str(bad).endswith("a.warc:3: no decoder for Content-Encoding 'secret' is installed")


def test_a_page_that_is_too_long_is_bad(tmp_path: Path) -> None:
    data = record(
        "response", response(gzip.compress(bytes(1 << 24)), more="Content-Encoding: gzip\r\n")
    )
    bad, good = read(tmp_path / "a.warc", data + ARCHIVE[2], max_document_bytes=5000)
    assert isinstance(bad, BadDocument)
    assert "the page is longer than max_document_bytes=5,000" in bad.reason
    assert good.text == main_text(1)


def test_a_response_without_an_id_is_named_by_its_url(tmp_path: Path) -> None:
    data = record("response", response(b"x", "text/plain"), uri="https://b.example/c d")
    data = data.replace(b"WARC-Record-ID: <urn:uuid:1>\r\n", b"")
    (document,) = read(tmp_path / "a.warc", data)
    assert document.id == "https://b.example/c%20d"


@pytest.mark.parametrize("cut", [10, 200, 420])
def test_a_truncated_archive_is_refused(tmp_path: Path, cut: int) -> None:
    data = ARCHIVE[2] + ARCHIVE[3][:-cut]
    with pytest.raises(UserError, match="cannot read the file to its end"):
        read(tmp_path / "a.warc", data)
    *_, bad = read(tmp_path / "a.warc", data, on_damage="report")
    assert isinstance(bad, BadDocument)


@pytest.mark.parametrize(
    "junk", [b"what is this\r\n\r\n", b"\x00" * 99, b"WARC/1.0\r\n" + b"x" * (1 << 21)]
)
def test_junk_between_records_is_refused(tmp_path: Path, junk: bytes, capsys) -> None:
    with pytest.raises(UserError, match="cannot read the file to its end"):
        read(tmp_path / "a.warc", ARCHIVE[2] + junk + ARCHIVE[3])


def test_an_empty_archive_has_no_documents(tmp_path: Path) -> None:
    assert read(tmp_path / "a.warc", b"") == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_is_reported_and_nothing_else_happens(tmp_path_factory, data) -> None:
    archive = bytearray(record("response", response(b"one", "text/plain")) * 2)
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("warc") / "a.warc"
    for found in read(path, bytes(archive), on_damage="report"):
        assert json.dumps(vars(found))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "warcio.archiveiterator", None)
    with pytest.raises(UserError, match=r"warcio: pip install 'jaxlm\[data\]'"):
        read(tmp_path / "a.warc", ARCHIVE[0], on_damage="report")
