"""Lines that occur in many documents."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

LEAST_BYTES = 20
_SHOWN = 15


def count_lines(texts: Sequence[str]) -> dict[str, Any]:
    """Which lines occur in many of the documents, and how much of the text they make up.

    Lines are compared without surrounding white space; shorter ones than 20 UTF-8 bytes (brackets,
    `return None`) are left out. A document counts once for a line.

    Returns:
      `documents`; `repeated_share`: characters in lines that occur in other documents too, of
      those in all lines counted; `lines`: the most frequent ones with `text`, `documents`, `share`.
    """
    found = [_lines(text) for text in texts]
    counts = Counter(line for lines in found for line in set(lines))
    total = sum(len(line) for lines in found for line in lines)
    repeated = sum(len(line) for lines in found for line in lines if counts[line] > 1)
    top = sorted((-n, line) for line, n in counts.items() if n > 1)[:_SHOWN]
    return {
        "documents": len(texts),
        "repeated_share": repeated / max(1, total),
        "lines": [{"text": line, "documents": -n, "share": -n / len(texts)} for n, line in top],
    }


def _lines(text: str) -> list[str]:
    """Lines long enough to say something; a Han character takes three bytes and counts so."""
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if len(line) >= LEAST_BYTES or len(line.encode()) >= LEAST_BYTES]
