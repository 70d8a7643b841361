"""Text as subword-nmt writes it: symbols between spaces, with `@@` where a word goes on."""

import random
import re
from collections.abc import Iterable, Iterator, Sequence

from jaxlm.tokenizers.bpe import END_OF_WORD
from jaxlm.tokenizers.bpe_apply import Merge, apply_merges, origins, rank_merges, split_unlisted

SEPARATOR = "@@"
_AROUND = "\r\n "


class Segmenter:
    """Segments lines; what reads and writes the format of subword-nmt."""

    def __init__(
        self,
        merges: Iterable[Merge],
        *,
        vocabulary: Iterable[str] = (),
        glossaries: Sequence[str] = (),
    ) -> None:
        """Takes what decides the segmentation.

        Args:
          merges: Pairs in the order of merging.
          vocabulary: Symbols that may be written, in this format; others are split. Empty for all.
          glossaries: Regular expressions of what stays whole.
        """
        self._ranks = rank_merges(merges)
        self._listed = {parse_symbol(symbol) for symbol in vocabulary}
        self._made_by = origins(self._ranks)
        # Where the text is cut, for one glossary after the other; an empty lookahead never fits.
        self._cuts = [re.compile(f"({glossary})") for glossary in glossaries]
        self._whole = re.compile("|".join(f"(?:{glossary})" for glossary in glossaries) or "(?!)")

    def segment(self, line: str, dropout: float = 0.0, draws: random.Random | None = None) -> str:
        """Writes a line in symbols; white space around it is kept, repeated spaces become one.

        Args:
          line: Words between ASCII spaces.
          dropout: Probability to leave out an occurrence of a pair.
          draws: Source of random numbers; needed with dropout.
        """
        body = line.strip(_AROUND)
        written: list[str] = []
        for word in filter(None, body.split(" ")):
            *inner, last = self._symbols(word, dropout, draws)
            written += [symbol + SEPARATOR for symbol in inner] + [last]
        start = len(line) - len(line.lstrip(_AROUND))
        return line[:start] + " ".join(written) + line[start + len(body) :]

    def _symbols(self, word: str, dropout: float, draws: random.Random | None) -> Iterator[str]:
        for part in self._isolate(word):
            if len(part) == 1 or self._whole.fullmatch(part):
                yield part
                continue
            for symbol in apply_merges(part, self._ranks, dropout, draws):
                for piece in self._split(symbol):
                    yield piece.removesuffix(END_OF_WORD)

    def _split(self, symbol: str) -> Iterable[str]:
        if not self._listed:
            return [symbol]
        return split_unlisted(symbol, self._listed, self._made_by)

    def _isolate(self, word: str) -> list[str]:
        """Cuts a word around what a glossary protects."""
        parts = [word]
        for cut in self._cuts:
            parts = [
                piece
                for part in parts
                for piece in ([part] if cut.fullmatch(part) else cut.split(part))
                if piece
            ]
        return parts


def parse_symbol(written: str) -> str:
    """Our spelling of a symbol that is written with `@@` where the word goes on."""
    return written.removesuffix(SEPARATOR) if written.endswith(SEPARATOR) else written + END_OF_WORD
