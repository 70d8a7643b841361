"""Characters that stand for nothing readable: controls, and marks without width.

Source: Unicode Standard 23.1 (control codes), 23.2 (layout controls).
"""

import re

# Sets without a quantifier, since `re` skips to the next match of such only.
# C0 and C1 without the white space among them (TAB, LF, VT, FF, CR, NEL).
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_ASCII_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x20), 0x7F])

# The joiner and non-joiner (U+200D, U+200C) stay: Indic and Persian words and emoji need them.
_ZERO_WIDTH = re.compile(
    "["
    "\u00ad"  # soft hyphen
    "\u200b"  # zero width space
    "\u2060"  # word joiner
    "\u2061-\u2064"  # invisible operators
    "\ufeff"  # byte order mark, zero width no-break space
    "]"
)
_BIDI = re.compile(
    "["
    "\u061c\u200e\u200f"  # marks: Arabic letter, left-to-right, right-to-left
    "\u202a-\u202e"  # embeddings, overrides and their end
    "\u2066-\u2069"  # isolates and their end
    "]"
)


def remove_controls(text: str) -> str:
    """Removes the control codes C0 and C1 that are no white space."""
    if text.isascii():  # four times as fast
        data = text.encode()
        kept = data.translate(None, _ASCII_CONTROLS)
        return text if len(kept) == len(data) else kept.decode()
    return _CONTROLS.sub("", text)


def remove_zero_width(text: str) -> str:
    """Removes characters without width that change neither meaning nor shape of a word."""
    return text if text.isascii() else _ZERO_WIDTH.sub("", text)


def remove_bidi(text: str) -> str:
    """Removes marks that force a direction of writing; letters have one of their own."""
    return text if text.isascii() else _BIDI.sub("", text)
