import sys
from pathlib import Path

import pytest

from jaxlm.data.readers import BadDocument, ReadOptions, read_file
from jaxlm.data.readers.html import decode_page
from jaxlm.errors import UserError

pytest.importorskip("trafilatura")

PAGE = """<html><head><title>Title</title>{meta}</head><body><nav><a href="/">Home</a></nav>
<article><h1>Über Bäume</h1>
<p>Der erste Absatz hat genug Wörter, damit er als Haupttext der Seite gelten kann.</p>
<p>The second paragraph is a sentence of the same length, so that it is kept as well.</p>
</article><footer>Imprint</footer></body></html>"""
TEXT = "\n".join(
    [
        "Über Bäume",
        "Der erste Absatz hat genug Wörter, damit er als Haupttext der Seite gelten kann.",
        "The second paragraph is a sentence of the same length, so that it is kept as well.",
    ]
)


def read(path: Path, data: bytes, **options):
    path.write_bytes(data)
    (record,) = read_file(path, path.name, source="s", options=ReadOptions(**options))
    return record


@pytest.mark.parametrize("name", ["a.html", "a.HTM"])
def test_a_page_gives_its_main_text(tmp_path: Path, name: str) -> None:
    record = read(tmp_path / name, PAGE.format(meta="").encode())
    assert (record.id, record.text) == (name, TEXT)


@pytest.mark.parametrize("data", [b"", b"<html><body><img src='x'></body></html>", b"\x00\x01"])
def test_a_page_without_text_is_an_empty_document(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path / "a.html", data).text == ""


def test_a_page_that_is_too_long_is_bad(tmp_path: Path) -> None:
    data = PAGE.format(meta="").encode()
    assert read(tmp_path / "a.html", data, max_document_bytes=len(data)).text == TEXT
    bad = read(tmp_path / "a.html", data, max_document_bytes=len(data) - 1)
    assert isinstance(bad, BadDocument)


@pytest.mark.parametrize(
    "meta",
    [
        "<meta charset=ISO-8859-1>",
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">',
        "<meta charset='utf-16'>",  # a lie, since it is ASCII; then UTF-8 fails
        "",
    ],
)
def test_a_page_in_another_encoding(tmp_path: Path, meta: str) -> None:
    data = PAGE.format(meta=meta).encode("latin-1")
    if "utf-16" in meta:
        data = PAGE.format(meta=meta).encode()
    assert read(tmp_path / "a.html", data).text == TEXT


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("漢é".encode(), "", "漢é"),
        (b"\xef\xbb\xbf\xc3\xa9", "latin-1", "é"),
        ("é".encode("utf-16"), "", "é"),
        (b"\xe9\x80", "", "é€"),
        (b"\x80", "iso-8859-1", "€"),  # as browsers read it
        ("漢字".encode("gbk"), "GB2312", "漢字"),
        ("日本".encode("shift_jis"), '"Shift_JIS"', "日本"),
        (b"<meta charset=gbk>\xe9", "utf-8", "<meta charset=gbk>�"),
        (b"\xc3\xa9", "no-such", "é"),
        (b"\xc3\xa9", "unicode_escape", "é"),
        (b"\xc3\xa9", "hex", "é"),
    ],
)
def test_encodings(data: bytes, charset: str, text: str) -> None:
    assert decode_page(data, charset) == text


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    with pytest.raises(UserError, match=r"trafilatura: pip install 'jaxlm\[data\]'"):
        read(tmp_path / "a.html", b"x", on_damage="report")
