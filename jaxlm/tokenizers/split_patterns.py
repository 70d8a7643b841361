"""How byte-level BPE cuts text into words before it merges bytes: published regular expressions.

They are written so that both engines that read them, Oniguruma and Rust's, find the same words.
"""

from typing import Literal

PatternName = Literal["gpt2", "gpt4", "o200k", "llama3"]

# Radford et al. (2019), GPT-2, encoder.py.
_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# tiktoken's cl100k_base (GPT-4). Possessive quantifiers are left out, which changes nothing here,
# and the end of the text is \z, since $ ends every line in Oniguruma.
_GPT4 = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s+\z|\s*[\r\n]|\s+(?!\S)|\s"
)
# Llama 3, tokenizer.py: the first published form of cl100k_base.
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
# tiktoken's o200k_base (GPT-4o).
_O200K = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SUFFIX}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SUFFIX}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)

PATTERNS: dict[PatternName, str] = {
    "gpt2": _GPT2,
    "gpt4": _GPT4,
    "o200k": _O200K,
    "llama3": _LLAMA3,
}


def with_split_digits(pattern: str) -> str:
    """The pattern with every digit a word of its own, without a space in front."""
    return pattern.replace(r" ?\p{N}+", r"\p{N}").replace(r"\p{N}{1,3}", r"\p{N}")


KNOWN = frozenset(p for plain in PATTERNS.values() for p in (plain, with_split_digits(plain)))
"""Patterns for which the equality of both engines is tested."""
