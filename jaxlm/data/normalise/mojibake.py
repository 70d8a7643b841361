"""Text that was decoded with a wrong encoding.

Source: ftfy (Speer, 2019, doi 10.5281/zenodo.2591652), its mending of encodings only.
"""

import functools
import re
from collections.abc import Callable
from typing import Any

from jaxlm.data.readers.records import missing_extra

_NOT_ASCII = re.compile("[\x80-\U0010ffff]")


def repair(text: str) -> str:
    """Mends each line that shows UTF-8 read as another encoding, as "grÃ¼n" does.

    Raises:
      UserError: ftfy is not installed.
    """
    if text.isascii():
        return text
    fix = _fixer()
    if not _pairs().search(text):
        return text
    return "\n".join(fix(line) if _is_suspect(line) else line for line in text.split("\n"))


def _is_suspect(line: str) -> bool:
    """Whether ftfy could change a line; its own first test takes far longer.

    A line with U+FFFD has lost characters already, and ftfy would make control codes of it.
    """
    if not _pairs().search(line) or "\ufffd" in line:
        return False
    characters = _ftfy().chardata
    return bool(
        characters.C1_CONTROL_RE.search(line)
        or (_sequences().search(line) and characters.UTF8_DETECTOR_RE.search(line))
        or any(_first_error(line, encoding) < 0 for encoding in _candidates(line))
    )


def _candidates(line: str) -> tuple[str, ...]:
    """The encodings in which the line's first characters beyond ASCII may be UTF-8 misread."""
    first = _NOT_ASCII.search(line)
    return _beginnings().get(line[first.start() :][:2], ()) if first else ()


def _first_error(text: str, encoding: str) -> int:
    """The first byte that keeps a text from being UTF-8 read in an encoding, or -1."""
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        return 0
    place = _invalid_byte(data)
    if place >= 0 and encoding != "macroman" and b" " in data[place : place + 4]:
        place = _invalid_byte(_ftfy().fixes.restore_byte_a0(data))
    return place


def _invalid_byte(data: bytes) -> int:
    """Where bytes are no UTF-8, or -1; halves of surrogate pairs and a long NUL are valid here."""
    try:
        data.replace(b"\xc0\x80", b"\0\0").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        return error.start
    return -1


@functools.cache
def _ftfy() -> Any:
    try:
        import ftfy
        import ftfy.chardata
        import ftfy.fixes
    except ImportError as error:
        raise missing_extra("ftfy", "normalise.mojibake") from error
    return ftfy


@functools.cache
def _fixer() -> Callable[[str], str]:
    ftfy = _ftfy()
    config = ftfy.TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_encoding=True,
        restore_byte_a0=True,
        replace_lossy_sequences=False,  # it gives up characters that are still there
        decode_inconsistent_utf8=True,
        fix_c1_controls=True,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )
    return functools.partial(ftfy.fix_encoding, config=config)


@functools.cache
def _pairs() -> re.Pattern[str]:
    """Finds what no line that ftfy changes is without; most lines without mojibake are.

    Either a C1 control, or what an encoding that ftfy knows makes of a lead byte of UTF-8 and a
    continuation byte. Continuation bytes 0xA0 may have become spaces, except in Mac Roman.
    """
    encodings = list(_ftfy().chardata.CHARMAP_ENCODINGS)
    lead = re.escape(_images(encodings, range(0xC0, 0xF8)))
    continuation = re.escape(_images(encodings, range(0x80, 0xC0)))
    encodings.remove("macroman")
    lead_of_two = re.escape(_images(encodings, range(0xC0, 0xE0)))
    lead_of_more = re.escape(_images(encodings, range(0xE0, 0xF8)))
    return re.compile(
        f"[\x80-\x9f{lead}](?:(?<=[\x80-\x9f])|[{continuation}]"
        f"|(?<=[{lead_of_two}]) |(?<=[{lead_of_more}]) [{continuation} ])"
    )


@functools.cache
def _sequences() -> re.Pattern[str]:
    """Finds the beginning of what ftfy's slower pattern finds."""
    clues = _ftfy().chardata.UTF8_CLUES
    leads = "".join(clues[f"utf8_first_of_{length}"] for length in (2, 3, 4))
    return re.compile(f"[{leads}][{clues['utf8_continuation']}]")


@functools.cache
def _beginnings() -> dict[str, tuple[str, ...]]:
    """What encodings make of a lead byte and a continuation byte, and which encodings these are."""
    found: dict[str, tuple[str, ...]] = {}
    for encoding in _ftfy().chardata.CHARMAP_ENCODINGS:
        for lead in _images([encoding], range(0xC0, 0xF8)):
            for continuation in " " + _images([encoding], range(0x80, 0xC0)):
                pair = lead + continuation
                found[pair] = (*found.get(pair, ()), encoding)
    return found


def _images(encodings: list[str], values: range) -> str:
    """The characters that the encodings make of bytes."""
    found = {
        character
        for encoding in encodings
        for character in bytes(values).decode(encoding, errors="ignore")
    }
    return "".join(sorted(found))
