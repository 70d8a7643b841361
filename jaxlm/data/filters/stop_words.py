"""The most frequent function words of some languages."""

from jaxlm.errors import UserError
from jaxlm.spelling import nearest

# English: Rae et al. 2021, arXiv 2112.11446, table A1. The others are the commonest articles,
# prepositions, conjunctions and auxiliaries of their language, chosen to be rare in the rest.
STOP_WORDS = {
    "cs": frozenset({"a", "je", "na", "se", "v", "že", "to", "s", "z", "do", "jsou", "který"}),
    "de": frozenset({"der", "die", "das", "und", "ist", "nicht", "mit", "von", "zu", "ein"}),
    "en": frozenset({"the", "be", "to", "of", "and", "that", "have", "with"}),
    "es": frozenset({"el", "la", "de", "que", "y", "los", "en", "con", "por", "una"}),
    "fr": frozenset({"le", "la", "les", "de", "et", "des", "est", "que", "dans", "une"}),
    "it": frozenset({"il", "di", "che", "e", "la", "per", "non", "una", "con", "sono"}),
    "nl": frozenset({"de", "het", "een", "van", "en", "is", "niet", "met", "dat", "op"}),
    "pt": frozenset({"o", "de", "que", "e", "do", "da", "não", "uma", "com", "para"}),
}


def stop_words(language: str) -> frozenset[str]:
    """Stop words of a language, in lower case.

    Args:
      language: Its ISO 639-1 code.

    Raises:
      UserError: There is no list; languages without spaces between words have none.
    """
    if language not in STOP_WORDS:
        near = ", ".join(nearest(language, STOP_WORDS))
        raise UserError(
            f"no stop words for the language {language!r} (there are {', '.join(STOP_WORDS)}; "
            f"nearest: {near}); for Chinese use the rules of `chinese`, which count characters"
        )
    return STOP_WORDS[language]
