"""HTML: the main text of a page, without its menus and footers."""

import codecs
import io
import logging
import re

from jaxlm.data.readers.records import (
    Fault,
    Item,
    Items,
    ReadOptions,
    check_text,
    missing_extra,
    too_long,
)

# A page's own word on its encoding stands within so many bytes (HTML standard, 13.2.3.2).
_PRESCAN_BYTES = 1024
_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What pages call by a name that means a larger set in practice (Encoding standard, 4.2).
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
# Python's codecs that are no encodings of pages.
_NOT_OF_PAGES = ("idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7")


def read_html(file: io.BufferedReader, options: ReadOptions) -> Items:
    """Yields the main text of the one page in a file; empty where it has none."""
    data = file.read(options.max_document_bytes + 1)
    if len(data) > options.max_document_bytes:
        yield Item(0, 1, too_long("the page", options))
    else:
        yield Item(0, 1, main_text(decode_page(data)))


def main_text(page: str) -> str | Fault:
    """The main text of an HTML page: empty where there is none.

    Source: trafilatura (Barbaresi, 2021, doi 10.18653/v1/2021.acl-demo.15), without comments.

    Raises:
      UserError: trafilatura is not installed.
    """
    try:
        from trafilatura import extract
    except ImportError as error:
        raise missing_extra("trafilatura", "the main text of HTML pages") from error
    # It logs each page without text; here that is an empty document, which is counted.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    try:
        text = extract(page, include_comments=False) or ""
    except (ValueError, RecursionError, AssertionError) as error:
        return Fault(reason=f"cannot parse the page: {error}")
    return check_text(text, "the page")


def decode_page(data: bytes, charset: str = "") -> str:
    """Text of a page's bytes; a byte that its encoding lacks becomes U+FFFD.

    In this order: the byte order mark, `charset`, the page's `meta` element, UTF-8 if it is
    valid, Windows-1252.

    Args:
      data: The page.
      charset: What the server said of it; may be empty or unknown.

    Source: HTML standard, 13.2.3.2, "Determining the character encoding".
    """
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    declared = _META_CHARSET.search(data[:_PRESCAN_BYTES])
    for name in (charset, declared[1].decode() if declared else ""):
        if encoding := _encoding(name):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _encoding(name: str) -> str:
    """Python's name of an encoding, or empty where it knows none or it is not for text."""
    try:
        encoding = codecs.lookup(name.strip("\"' ")).name
        if encoding.startswith(("utf-16", "utf-32")):
            return "utf-8"  # a page that says so in ASCII letters is not in it
        b"a".decode(encoding)  # fails for codecs from bytes to bytes
    except (LookupError, ValueError):
        return ""
    return "" if encoding in _NOT_OF_PAGES else _SUPERSETS.get(encoding, encoding)
