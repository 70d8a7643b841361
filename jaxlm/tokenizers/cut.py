"""Cuts long text into stretches that can be tokenized one by one."""

import re
from collections.abc import Iterator

# No SentencePiece spans the beginning of a run of white space: a piece carries white space only in
# front, and line feeds and tabs are pieces of their own. A cut there changes no id.
WHITE_SPACE_RUN = re.compile(r"(?<=[^ \n\t])[ \n\t]")
# Byte-level split patterns may end a piece with line feeds, never with a space after other text.
SPACE_RUN = re.compile(r"(?<=\S) ")
_LOOK_BACK = 512


def cut_text(text: str, limit: int, before: re.Pattern[str] = WHITE_SPACE_RUN) -> Iterator[str]:
    """Yields stretches of at most `limit` characters that join to `text`.

    Cuts at the last match of `before`, as a rule where a run of white space begins; within text
    that has none near, at the limit.
    """
    start = 0
    while len(text) - start > limit:
        end = _cut_before(text, start, start + limit, before)
        yield text[start:end]
        start = end
    yield text[start:]


def _cut_before(text: str, start: int, end: int, before: re.Pattern[str]) -> int:
    begins = max(start + 1, end - _LOOK_BACK)
    cut = end
    for match in before.finditer(text, begins, end):
        cut = match.start()
    return cut
