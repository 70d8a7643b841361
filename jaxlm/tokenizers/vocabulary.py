"""Tokens that stand in the text by their spelling."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np


def spelling_pattern(tokens: Iterable[str]) -> re.Pattern[str]:
    """Finds the spelling of any of the tokens, as a group; the longest one where several begin."""
    longest_first = sorted(tokens, key=lambda token: (-len(token), token))
    alternatives = "|".join(map(re.escape, longest_first))
    # An empty lookahead fails everywhere: nothing to find.
    return re.compile(f"({alternatives})" if alternatives else "((?!))")


def encode_around(
    tokens: Mapping[str, int],
    texts: Sequence[str],
    encode: Callable[[Sequence[str]], list[np.ndarray]],
) -> list[np.ndarray]:
    """Ids of texts in which the spelling of a token is its id and the rest is ordinary text.

    Args:
      tokens: Ids by spelling.
      texts: Any text.
      encode: Ids of ordinary texts.
    """
    pattern = spelling_pattern(tokens)
    # Ordinary text stands at even places, spellings at odd ones.
    parts = [pattern.split(text) for text in texts]
    ordinary = iter(encode([part for found in parts for part in found[::2]]))
    return [
        np.concatenate(
            [
                np.array([tokens[part]], np.int32) if place % 2 else next(ordinary)
                for place, part in enumerate(found)
            ]
        )
        for found in parts
    ]
