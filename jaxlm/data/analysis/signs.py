"""Signs that something went wrong with a document, each found by a plain rule."""

import heapq
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jaxlm.data.analysis import characters
from jaxlm.data.analysis.batch import Batch

LONG_LINE = 10_000
SHORT = 50
LEAST_TAGS = 3
LEAST_CONTACTS = 3
CONTACTS_PER_WORD = 0.05
DIGIT_SHARE = 0.5
REPEATED_LINE_SHARE = 0.3

_EXAMPLES = 3
_EXCERPT = 200

# UTF-8 that was read as Windows-1252 or Latin-1: the letter of a lead byte, then what stands for
# its continuation bytes. What may close a quotation after a letter (French "é", space, "»") is no
# evidence.
_CONTINUATION = "\x80-\xbf" + bytes(range(0x80, 0xA0)).decode("cp1252", "ignore")
_CLOSING = "\u2019\u201d\u00bb\u2026"
_TYPOGRAPHIC = "\xa0\u00ab\u00bb\u2018\u2019\u201c\u201d\u2026\u2013\u2014\u2022\u00b0\u00b7"
_MOJIBAKE = re.compile(
    f"[ÂÃÄÅÐÑà-ï](?:(?<=[ÂÃÄÅÐÑ])(?![{_CLOSING}])[{_CONTINUATION}]"
    f"|(?<=[à-ï])(?![{_TYPOGRAPHIC}]{{2}})[{_CONTINUATION}]{{2}})"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_TAG = re.compile(
    r"</?(?:p|div|span|br|a|li|ul|ol|td|tr|th|table|script|style|h[1-6]|img|html|body|head|meta"
    r"|link|b|i|em|strong|font|form|input|nav|section)\b[^<>]{0,500}>|&(?:nbsp|amp|lt|gt|quot|#\d{1,6});",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b")
# International, an area code in brackets, national with a leading zero, and North American. It
# begins with a set, which the engine can search for quickly.
_PHONE = re.compile(
    r"[+(\d](?<![\w.,+-].)(?:"
    r"(?:(?<=\+)\d{1,3}[ .-]?\(?\d|(?<=\()\d{2,5}\)|(?<=0)\d{1,4}[ /-]\d)[\d ()/.-]{4,14}"
    r"|\d{2}[-. ]\d{3}[-. ]\d{4}\b)"
)

_COLUMN = {name: characters.column(name) for name in ("digit", "control", "private", "replacement")}

Found = tuple[float, int]
"""How much of a sign there is, and the character where it begins."""


@dataclass(frozen=True)
class View:
    """One document as the rules see it.

    Attributes:
      text: Its text.
      num_words: Its words.
      classes: Its characters by class.
    """

    text: str
    num_words: int
    classes: Sequence[int]

    @property
    def num_letters(self) -> int:
        """Letters and combining marks."""
        return sum(self.classes[len(characters.KINDS) :])


def _mojibake(view: View) -> Found | None:
    if view.text.isascii():
        return None
    return _matches(_MOJIBAKE, view.text, least=1)


def _replacement(view: View) -> Found | None:
    count = view.classes[_COLUMN["replacement"]]
    return (count, view.text.index("\ufffd")) if count else None


def _control(view: View) -> Found | None:
    count = view.classes[_COLUMN["control"]]
    return _matches(_CONTROL, view.text, 1) if count else None


def _private(view: View) -> Found | None:
    count = view.classes[_COLUMN["private"]]
    return (count, 0) if count else None


def _markup(view: View) -> Found | None:
    if "<" not in view.text and "&" not in view.text:
        return None
    return _matches(_TAG, view.text, LEAST_TAGS)


def _contacts(view: View) -> Found | None:
    emails = _EMAIL.findall(view.text) if "@" in view.text else []
    phones = _PHONE.findall(view.text) if view.classes[_COLUMN["digit"]] >= 7 else []
    count = len(emails) + len(phones)
    if count < max(LEAST_CONTACTS, CONTACTS_PER_WORD * view.num_words):
        return None
    first = _EMAIL.search(view.text) or _PHONE.search(view.text)
    return count, first.start() if first else 0


def _numbers(view: View) -> Found | None:
    """More digits than letters, and not because of telephone numbers."""
    digits = view.classes[_COLUMN["digit"]]
    if digits < SHORT or digits <= DIGIT_SHARE * (digits + view.num_letters) or _contacts(view):
        return None
    return digits / (digits + view.num_letters), 0


def _long_line(view: View) -> Found | None:
    if len(view.text) < LONG_LINE:
        return None
    longest = max(map(len, view.text.split("\n")))
    return (longest, 0) if longest >= LONG_LINE else None


def _repeated_lines(view: View) -> Found | None:
    lines = [line for line in view.text.split("\n") if line and not line.isspace()]
    share = 1 - len(set(lines)) / len(lines) if len(lines) > 2 else 0.0
    return (share, 0) if share > REPEATED_LINE_SHARE else None


def _short(view: View) -> Found | None:
    if len(view.text) >= SHORT or _is_blank(view):
        return None
    num_bytes = len(view.text.encode())
    return (num_bytes, 0) if num_bytes < SHORT else None


def _empty(view: View) -> Found | None:
    return (len(view.text), 0) if _is_blank(view) else None


def _is_blank(view: View) -> bool:
    return not view.text or view.text.isspace()


@dataclass(frozen=True)
class Sign:
    """A rule that marks a document.

    Attributes:
      title: What the marked documents are like, as a predicate.
      find: The rule.
    """

    title: str
    find: Callable[[View], Found | None]


SIGNS = {
    "mojibake": Sign("hold text decoded with the wrong encoding (such as Ã©)", _mojibake),
    "replacement": Sign("hold replacement characters (U+FFFD)", _replacement),
    "control": Sign("hold control characters", _control),
    "private": Sign("hold private-use characters", _private),
    "markup": Sign(f"hold at least {LEAST_TAGS} HTML tags or entities", _markup),
    "contacts": Sign(
        f"hold at least {LEAST_CONTACTS} e-mail addresses or telephone numbers, "
        f"one for every {1 / CONTACTS_PER_WORD:.0f} words",
        _contacts,
    ),
    "numbers": Sign("hold more digits than letters", _numbers),
    "long_line": Sign(f"have a line of at least {LONG_LINE:,} characters", _long_line),
    "repeated_lines": Sign(
        f"repeat themselves: over {REPEATED_LINE_SHARE:.0%} of their lines are copies",
        _repeated_lines,
    ),
    "short": Sign(f"are shorter than {SHORT} UTF-8 bytes", _short),
    "empty": Sign("hold nothing but white space", _empty),
}
"""The rules by name."""


class Signs:
    """Documents that each rule marks, with examples in an order fixed by their names.

    Attributes:
      documents: All documents.
      counts: Marked documents by rule.
      examples: By rule, at most three of `(order, id, value, excerpt)`.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[tuple[int, str, float, str]]] = {name: [] for name in SIGNS}

    def add(self, batch: Batch) -> None:
        """Examines documents."""
        self.documents += len(batch.texts)
        rows = zip(
            batch.texts, batch.num_words.tolist(), batch.classes.tolist(), batch.order, batch.ids,
            strict=True,
        )  # fmt: skip
        for text, num_words, classes, order, document_id in rows:
            view = View(text, num_words, classes)
            for name, sign in SIGNS.items():
                if found := sign.find(view):
                    self.counts[name] += 1
                    example = (order, document_id, float(found[0]), excerpt(text, found[1]))
                    self._keep(name, [example])

    def merge(self, other: "Signs") -> None:
        """Adds the counts and examples of another."""
        self.documents += other.documents
        self.counts.update(other.counts)
        for name, examples in other.examples.items():
            self._keep(name, examples)

    def result(self) -> dict[str, Any]:
        """Marked documents, their share and examples, by rule."""
        return {
            name: {
                "title": sign.title,
                "documents": self.counts[name],
                "share": self.counts[name] / max(1, self.documents),
                "examples": [
                    {"id": document_id, "value": value, "text": text}
                    for _, document_id, value, text in self.examples[name]
                ],
            }
            for name, sign in SIGNS.items()
        }

    def _keep(self, name: str, examples: Sequence[tuple[int, str, float, str]]) -> None:
        self.examples[name] = heapq.nsmallest(_EXAMPLES, [*self.examples[name], *examples])


def excerpt(text: str, start: int = 0, length: int = _EXCERPT) -> str:
    """About `length` characters around a place, with dots where text is left out."""
    first = max(0, start - length // 4)
    last = first + length
    return ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")


def _matches(pattern: re.Pattern[str], text: str, least: int) -> Found | None:
    """Number of matches and the place of the first, where there are enough."""
    first = pattern.search(text)
    if first is None:
        return None
    count = len(pattern.findall(text, first.start()))
    return (count, first.start()) if count >= least else None
