"""The language of a text, by py3langid (extra `data`; its model is in the package).

Source: Lui and Baldwin 2012, "langid.py: An Off-the-shelf Language Identification Tool".
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlm.data.filters.rules import Rule, RuleSet
from jaxlm.data.filters.text import Text
from jaxlm.errors import ExitCode, UserError
from jaxlm.spelling import nearest

UNDETERMINED = "und"

# The beginning decides as well as the whole, and the classifier is slow.
MAX_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True)
class LanguageConfig(RuleSet):
    """Which languages a document may be in.

    Attributes:
      languages: ISO 639-1 codes.
      least_probability: Smallest probability that it is one of them.
    """

    languages: tuple[str, ...] = ("en",)
    least_probability: float = 0.65

    def rules(self) -> tuple[Rule, ...]:
        _check_languages(self.languages)
        return (
            Rule(
                name="language." + "_".join(self.languages),
                measure=functools.partial(_probability, languages=self.languages),
                least=self.least_probability,
                source="threshold: Penedo et al. 2024, arXiv 2406.17557, section 3.3",
            ),
        )


def identify(
    texts: Sequence[str], languages: Sequence[str] | None = None
) -> tuple[list[str], np.ndarray]:
    """Names the language of each text, from its first 2,000 characters.

    Args:
      texts: The texts.
      languages: ISO 639-1 codes to choose from; None is every language that the model knows. The
        probabilities are then among these alone: of one language it is always 1.

    Returns:
      ISO 639-1 codes, `und` for a text without a letter, and their probabilities, float32
      [num_texts], 0 for `und`.

    Raises:
      UserError: py3langid is not installed, or the model does not know a language.
    """
    if languages is not None:
        _check_languages(languages)
    identifier = _identifier(None if languages is None else tuple(sorted(set(languages))))
    found = [_classify(identifier, text[:MAX_CHARACTERS]) for text in texts]
    return [name for name, _ in found], np.array([share for _, share in found], np.float32)


def _classify(identifier: Any, text: str) -> tuple[str, float]:
    return identifier.classify(text) if _has_letter(text) else (UNDETERMINED, 0.0)


def _probability(text: Text, *, languages: tuple[str, ...]) -> float:
    """Probability, among all languages, of being one of a few."""
    beginning = text.text[:MAX_CHARACTERS]
    if not _has_letter(beginning):
        return 0.0
    shares = dict(_identifier(None).rank(beginning))
    return float(sum(shares[language] for language in set(languages)))


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


def _check_languages(languages: Sequence[str]) -> None:
    known = _identifier(None).labels
    for language in languages:
        if language not in known:
            near = ", ".join(nearest(language, known))
            raise UserError(
                f"language {language!r} is not among the {len(known)} of the language model; "
                f"the nearest codes are {near}"
            )


@functools.cache
def _identifier(languages: tuple[str, ...] | None) -> Any:
    # Its own instance: the library's functions share one, which a call elsewhere could restrict.
    # Nothing changes it after this, so threads can share it.
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise UserError(
            "language identification needs py3langid, which is not installed: "
            "pip install 'jaxlm[data]'",
            ExitCode.UNUSABLE,
        ) from error
    # Without norm_probs it returns sums of logarithms, which no threshold fits.
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(languages)
    return identifier
