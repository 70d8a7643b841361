"""Typographic punctuation as ASCII has it.

Quotes that are no ASCII character in disguise, such as guillemets and Chinese corner brackets,
stay as they are.
"""

_ASCII = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u2035\u02bc",  # single quotes, primes, apostrophe
    '"': "\u201c\u201d\u201e\u201f\u2033\u2036",  # double quotes and primes
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",  # hyphens, dashes, minus
    "/": "\u2044\u2215",  # fraction and division slash
    "...": "\u2026",
}
_REPLACEMENTS = tuple((old, new) for new, olds in _ASCII.items() for old in olds)


def to_ascii_punctuation(text: str) -> str:
    """Replaces typographic quotes, dashes, slashes and the ellipsis by their ASCII forms."""
    if text.isascii():
        return text
    for old, new in _REPLACEMENTS:  # far faster than str.translate
        text = text.replace(old, new)
    return text
