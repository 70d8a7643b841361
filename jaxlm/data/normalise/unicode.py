"""Unicode normalisation forms, and letters without their accents.

Source: Unicode Standard Annex 15, as the standard library's `unicodedata` has it. Arrow's
functions are not used: one release returned decomposed text.
"""

import re
import unicodedata

# Accents, which leave the letter; the vowel signs of other scripts are combining marks too.
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f]")


def to_nfc(text: str) -> str:
    """Composes letters and their marks: canonically equivalent text becomes equal."""
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def to_nfkc(text: str) -> str:
    """Composes, and replaces variants such as ligatures, superscripts and full-width letters."""
    return text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


def strip_accents(text: str) -> str:
    """Removes accents, so that "é" becomes "e"; text that has any is left in NFC."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text)
    stripped = _ACCENTS.sub("", decomposed)
    return text if stripped == decomposed else unicodedata.normalize("NFC", stripped)
