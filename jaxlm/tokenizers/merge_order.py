"""Merges out of a vocabulary whose tokens have ranks but no merges."""

from collections.abc import Mapping
from itertools import pairwise
from typing import AnyStr


def last_merge(token: AnyStr, ranks: Mapping[AnyStr, float]) -> tuple[AnyStr, AnyStr] | None:
    """The two parts that a token, given alone, is made of at last.

    Some encoders (tiktoken, BPE of SentencePiece) join at each step the neighbours whose union has
    the lowest rank. Within a longer text a stretch that becomes a token changes just as if it were
    given alone, since nothing crosses its ends: this one merge is all that ever makes the token.

    Args:
      token: Characters or bytes.
      ranks: Rank of each token that merges make; the lower the sooner.

    Returns:
      The parts, or none where the token is one symbol or never made.
    """
    parts = [token[place : place + 1] for place in range(len(token))]
    while len(parts) > 2:
        unions = [a + b for a, b in pairwise(parts)]
        found = [(ranks[union], place) for place, union in enumerate(unions) if union in ranks]
        if not found:
            return None
        _, place = min(found)
        parts[place : place + 2] = [unions[place]]
    return (parts[0], parts[1]) if len(parts) == 2 else None
