"""Plain text: a file is a document, cut at line ends where it is very long."""

import codecs
import io

from jaxlm.data.readers.records import Item, Items, ReadOptions, decode


def read_text(file: io.BufferedReader, options: ReadOptions) -> Items:
    """Yields the file, in parts of at most `max_document_bytes`."""
    start, line, rest, is_last = 0, 1, b"", False
    while not is_last:
        block = rest + file.read(options.max_document_bytes - len(rest))
        is_last = len(block) < options.max_document_bytes
        end = len(block) if is_last else _part_end(block)
        if start == 0:
            yield Item(0, 1, decode(block[:end].removeprefix(codecs.BOM_UTF8)))
        elif end:
            yield Item(start, line, decode(block[:end]))
        start += end
        line += block.count(b"\n", 0, end)
        rest = block[end:]


def _part_end(block: bytes) -> int:
    """End of the last whole line, or where there is none, of the last whole character."""
    if end := block.rfind(b"\n") + 1:
        return end
    end = len(block) - 1
    while end > len(block) - 4 and block[end] & 0xC0 == 0x80:
        end -= 1
    return end
