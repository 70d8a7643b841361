"""Which switches of the normalisation are on."""

import importlib.metadata
import unicodedata
from dataclasses import dataclass, replace
from typing import Literal

from jaxlm.data.readers.records import missing_extra


@dataclass(frozen=True, kw_only=True)
class NormaliseConfig:
    """Switches of `normalise`, in the order in which they act; all are off by default.

    Attributes:
      mojibake: Mends text that was decoded with a wrong encoding ("grÃ¼n").
      line_ends: Every kind of line end becomes a line feed.
      controls: Removes control characters that are no white space.
      zero_width: Removes characters without width, except the joiners that scripts need.
      bidi: Removes marks that force a direction of writing.
      form: Unicode normalisation form.
      width: Full-width Latin letters and digits become ordinary ones and half-width Katakana
        full ones (`letters`), and so do all other such characters (`all`, with the full-width
        comma and other punctuation of Chinese).
      script: Chinese characters of the other script become simplified or traditional ones.
      punctuation: Typographic quotes, dashes and dots become ASCII.
      accents: Removes the accents of Latin, Greek and Cyrillic letters.
      spaces: Every space, such as a non-breaking one, becomes an ordinary space.
      runs: Several blanks within a line become one space; indentation stays.
      trailing: Removes blanks at line ends.
      max_blank_lines: At most so many blank lines between two others; -1 is off.
      case: `fold` folds case away; `marked` writes capitals as marks and small letters, which
        `recase` undoes.
    """

    mojibake: bool = False
    line_ends: bool = False
    controls: bool = False
    zero_width: bool = False
    bidi: bool = False
    form: Literal["none", "NFC", "NFKC"] = "none"
    width: Literal["none", "letters", "all"] = "none"
    script: Literal["none", "simplified", "traditional"] = "none"
    punctuation: bool = False
    accents: bool = False
    spaces: bool = False
    runs: bool = False
    trailing: bool = False
    max_blank_lines: int = -1
    case: Literal["none", "fold", "marked"] = "none"

    def is_reversible(self) -> bool:
        """Whether the text can be had back: only marks for capitals lose nothing."""
        return replace(self, case="none") == NormaliseConfig() and self.case != "fold"

    def is_idempotent(self) -> bool:
        """Whether a second normalisation changes nothing: so with all but marks for capitals.

        What is both reversible and idempotent changes no text at all, so that marks, which are
        reversible, mark marks.
        """
        return self.case != "marked"

    def versions(self) -> dict[str, str]:
        """Versions of the tables that decide the result, for a manifest.

        Raises:
          UserError: A package that a switch needs is not installed.
        """
        found = {"unicode": unicodedata.unidata_version}
        if self.mojibake:
            found["ftfy"] = _version("ftfy", "normalise.mojibake")
        if self.script != "none":
            found["opencc"] = _version("opencc", "normalise.script")
        return found


def _version(package: str, purpose: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise missing_extra(package, purpose) from error


# What text from the web needs and what no language or code loses by.
WEB = NormaliseConfig(
    mojibake=True,
    line_ends=True,
    controls=True,
    zero_width=True,
    bidi=True,
    form="NFC",
    spaces=True,
    trailing=True,
    max_blank_lines=2,
)
