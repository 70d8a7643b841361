"""Lines of a file in bounded memory."""

import codecs
import io
from collections.abc import Iterator

_BLOCK_BYTES = 1 << 16


def read_lines(file: io.BufferedReader, max_bytes: int) -> Iterator[bytes | None]:
    """Yields each line with its end, and None in the place of one that is longer than allowed.

    Args:
      file: Any binary file; a byte order mark at its beginning is left out.
      max_bytes: Longest line, its end not counted.
    """
    limit = max_bytes + 2
    line = file.readline(limit).removeprefix(codecs.BOM_UTF8)
    while line:
        is_whole = len(line) < limit or line.endswith(b"\n")
        if is_whole and len(line.rstrip(b"\r\n")) <= max_bytes:
            yield line
        else:
            _skip_line(file, line)
            yield None
        line = file.readline(limit)


def _skip_line(file: io.BufferedReader, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(_BLOCK_BYTES)
