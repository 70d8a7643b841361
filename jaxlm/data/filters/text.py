"""One document and what the rules count in it, each part worked out once and only if asked for."""

import re
from functools import cached_property

import numpy as np

from jaxlm.data.filters.characters import SPACE, kinds_of
from jaxlm.data.filters.repetition import RepeatedGrams

_BLANK_LINES = re.compile(r"\n\s*\n")
_CLOSING = "\"'”’»)\\]」』\uff09"
# Only the first mark of a run starts a match, and nothing is given back: long runs stay linear.
_SENTENCE_END = re.compile(
    rf"(?<![.!?…])[.!?…]++[{_CLOSING}]*+(?=\s)|[。\uff01\uff1f]+[{_CLOSING}]*|\n"
)


class Text:
    """A lazy view of one document.

    Args:
      text: The document.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def lower(self) -> str:
        """The text in lower case."""
        return self.text.lower()

    @cached_property
    def kinds(self) -> bytes:
        """Kind of each character, as in `characters`."""
        return kinds_of(self.text)

    def count(self, kinds: bytes) -> int:
        """Characters of any of the kinds."""
        return sum(map(self.kinds.count, kinds))

    @cached_property
    def num_visible(self) -> int:
        """Characters that are not white space."""
        return len(self.text) - self.kinds.count(SPACE)

    @cached_property
    def num_words(self) -> int:
        """Words, without making them."""
        is_space = np.frombuffer(b" " + self.kinds, np.uint8) == SPACE[0]
        return int(np.count_nonzero(is_space[:-1] > is_space[1:]))

    @cached_property
    def words(self) -> list[str]:
        """What white space separates, punctuation included."""
        return self.text.split()

    @cached_property
    def lines(self) -> list[str]:
        """Lines that are not blank, without surrounding white space."""
        return [line for line in map(str.strip, self.text.split("\n")) if line]

    @cached_property
    def paragraphs(self) -> list[str]:
        """What blank lines separate, without surrounding white space."""
        return [part for part in map(str.strip, _BLANK_LINES.split(self.text)) if part]

    @cached_property
    def sentences(self) -> list[str]:
        """What end marks or line ends separate, without the marks; abbreviations end one, too."""
        return [part for part in map(str.strip, _SENTENCE_END.split(self.text)) if part]

    @cached_property
    def repeated_words(self) -> RepeatedGrams:
        """Repeated n-grams of words; their characters leave white space out."""
        lengths = np.fromiter(map(len, self.words), np.int64, len(self.words))
        return RepeatedGrams(self.words, lengths)

    @cached_property
    def repeated_characters(self) -> RepeatedGrams:
        """Repeated n-grams of characters, white space left out."""
        visible = "".join(self.words)
        return RepeatedGrams(visible, np.ones(len(visible), np.int64))


def ratio(part: float, whole: float) -> float:
    """A share; 0 of nothing, so that a value is a number for every document."""
    return part / whole if whole else 0.0
