"""WARC: each response with a page or plain text is a document.

Source: ISO 28500:2017 (WARC 1.1).
"""

import io
from collections.abc import Iterator
from typing import Any

from jaxlm.data.readers.html import decode_page, main_text
from jaxlm.data.readers.records import Fault, Item, Items, ReadOptions, missing_extra, too_long

_HTML = ("text/html", "application/xhtml+xml")
_BLOCK_BYTES = 1 << 16
_LINE_BYTES = 1 << 20


def read_warc(file: io.BufferedReader, options: ReadOptions) -> Items:
    """Yields the text of each `response` record; ids are WARC-Record-IDs, or else URLs.

    A response that holds no text (an image, an error page, a page of menus only) is an empty
    document, so that it is counted. Requests, metadata and revisits are no documents.

    Raises:
      EOFError: The last record is shorter than it says.
      ValueError: What follows is no WARC record.
      UserError: warcio or trafilatura is not installed.
    """
    for number, record in enumerate(_records(file), start=1):
        if record.rec_type == "response":
            headers = record.rec_headers
            own_id = headers.get_header("WARC-Record-ID") or headers.get_header("WARC-Target-URI")
            yield Item(number, number, _response_text(record, options), (own_id or "").strip("<>"))


def _records(file: io.BufferedReader) -> Iterator[Any]:
    try:
        from warcio.archiveiterator import WARCIterator
        from warcio.exceptions import ArchiveLoadFailed
        from warcio.statusandheaders import StatusAndHeadersParserException
    except ImportError as error:
        raise missing_extra("warcio", "reading WARC files") from error
    if not b"WARC/".startswith(file.peek(5)[:5]):
        raise ValueError("not a WARC file")  # before warcio looks for the end of the first line
    records = WARCIterator(file)
    _bound_lines(records.reader)
    while True:
        try:
            record = next(records, None)
            if record is None:
                return
            yield record
            records.read_to_end()
        except (ArchiveLoadFailed, StatusAndHeadersParserException, AttributeError) as error:
            raise ValueError(f"not a WARC record: {error}") from error
        if getattr(record.raw_stream, "limit", 0):
            raise EOFError("the last record is shorter than its Content-Length")
        if records.err_count:
            raise ValueError("a record is longer than its Content-Length")


def _bound_lines(reader: Any) -> None:
    """Stops warcio, which looks for the end of a header line however far away it is."""
    unbounded = reader.readline

    def readline(length: int | None = None) -> bytes:
        line = unbounded(min(length or _LINE_BYTES, _LINE_BYTES))
        # warcio may return less than it was asked for.
        if len(line) > _LINE_BYTES >> 4 and not line.endswith(b"\n"):
            raise ValueError("a header line has no end")
        return line

    reader.readline = readline


def _response_text(record: Any, options: ReadOptions) -> str | Fault:
    headers = record.http_headers
    if headers is None or not headers.get_statuscode().startswith("2"):
        return ""
    kind, _, parameters = (headers.get_header("Content-Type") or "").lower().partition(";")
    kind = kind.strip()
    if kind not in _HTML and kind != "text/plain":
        return ""
    data = _payload(record, options.max_document_bytes)
    if isinstance(data, Fault):
        return data
    if len(data) > options.max_document_bytes:
        return too_long("the page", options)
    page = decode_page(data, parameters.partition("charset=")[2].partition(";")[0])
    return main_text(page) if kind in _HTML else page


def _payload(record: Any, max_bytes: int) -> bytes | Fault:
    """The body without its transfer encoding; one byte more than allowed where it is too long."""
    from warcio.bufferedreaders import BufferedReader

    coding = (record.http_headers.get_header("Content-Encoding") or "identity").lower().strip()
    if coding not in ("identity", *BufferedReader.get_supported_decompressors()):
        return Fault(reason=f"no decoder for Content-Encoding {coding!r} is installed")
    stream, blocks, size = record.content_stream(), [], 0
    while size <= max_bytes and (block := stream.read(min(_BLOCK_BYTES, max_bytes + 1 - size))):
        blocks.append(block)
        size += len(block)
    return b"".join(blocks)
