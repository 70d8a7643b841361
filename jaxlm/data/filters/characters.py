"""The kind of each character, as a string of kinds, in which counting is a fast search."""

import functools
import unicodedata

import numpy as np

LETTER, HAN, DIGIT, SPACE, MARK, OTHER = b"a", b"h", b"0", b" ", b".", b"?"

# Every assigned character outside the private planes is below this; the rest is `OTHER`.
_NUM_CODES = 0x40000
_HAN_RANGES = (
    (0x3005, 0x3005),  # iteration mark
    (0x3007, 0x3007),  # zero
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFD),
)


def kinds_of(text: str) -> bytes:
    """The kinds of a text's characters, one byte each.

    `HAN` is a Han character, `LETTER` any other letter (`str.isalpha`), `DIGIT` a decimal digit of
    any script, `SPACE` white space (`str.isspace`), `MARK` punctuation or a symbol, `OTHER` the
    rest: combining marks, controls, other numbers, private and unassigned characters.
    """
    if text.isascii():
        return text.encode("ascii").translate(_table(256))
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    table = np.frombuffer(_table(_NUM_CODES), np.uint8)
    return np.take(table, codes, mode="clip").tobytes()


@functools.cache
def _table(size: int) -> bytes:
    table = bytearray().join(_kind(chr(code)) for code in range(size))
    for first, last in _HAN_RANGES:
        table[first : min(last + 1, size)] = HAN * len(range(first, min(last + 1, size)))
    table[-1:] = OTHER  # stands for all codes above, too
    return bytes(table)


def _kind(character: str) -> bytes:
    if character.isspace():
        return SPACE
    if character.isalpha():
        return LETTER
    category = unicodedata.category(character)
    if category == "Nd":
        return DIGIT
    return MARK if category[0] in "PS" else OTHER
