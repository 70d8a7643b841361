"""Files of tiktoken: a line for each token, base64 of its bytes and its rank."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.byte_level import BYTE_CHARACTERS, ByteLevelTokenizer
from jaxlm.tokenizers.huggingface import added_token, find_marks
from jaxlm.tokenizers.merge_order import last_merge
from jaxlm.tokenizers.split_patterns import PATTERNS, PatternName

_END = "<|endoftext|>"
_LLAMA3 = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(4)),
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|reserved_special_token_4|>",
    "<|eot_id|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(5, 251)),
]
_GPT4 = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]

# The published vocabularies, told by their number of tokens.
_PUBLISHED: dict[int, tuple[PatternName, dict[str, int]]] = {
    50_256: ("gpt2", {_END: 50_256}),
    100_256: (
        "gpt4",
        {token: 100_257 + place for place, token in enumerate([_END, *_GPT4])}
        | {"<|endofprompt|>": 100_276},
    ),
    128_000: ("llama3", {token: 128_000 + place for place, token in enumerate(_LLAMA3)}),
    199_998: ("o200k", {_END: 199_999, "<|endofprompt|>": 200_018}),
}


def read_tiktoken(content: bytes, pattern: PatternName | None = None) -> ByteLevelTokenizer:
    """Reads a tiktoken file, which says neither how text is split nor what is special.

    The published vocabularies (GPT-2, GPT-4, Llama 3, GPT-4o) are known by their size; any other
    one gets `<|endoftext|>` after its last token. Takes about 40 us a token.

    Args:
      content: The file.
      pattern: How text is split, for a vocabulary of another size; unused for those.

    Raises:
      UserError: The file is damaged, or of unknown size and without `pattern`.
    """
    ranks = _parse(content)
    published, special = _PUBLISHED.get(len(ranks), (None, {_END: max(ranks.values()) + 1}))
    pattern = published or pattern
    if pattern is None:
        raise UserError(
            f"a tiktoken file of {len(ranks):,} tokens is no published vocabulary, and does not "
            f"say how text is split; name the pattern: one of {', '.join(PATTERNS)}",
            ExitCode.USAGE,
        )
    data = _tokenizer_json(ranks, PATTERNS[pattern], special)
    return ByteLevelTokenizer(data, find_marks(data, {}))


def _parse(content: bytes) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise UserError(
                f"not a tiktoken file: line {number} is not base64 and a rank", ExitCode.UNUSABLE
            ) from error
    if not all(bytes([byte]) in ranks for byte in range(256)):
        raise UserError("a tiktoken file without all 256 bytes", ExitCode.UNUSABLE)
    return ranks


def _tokenizer_json(
    ranks: Mapping[bytes, int], pattern: str, special: Mapping[str, int]
) -> dict[str, Any]:
    order = sorted(ranks, key=ranks.__getitem__)
    pairs = [pair for token in order if (pair := last_merge(token, ranks)) is not None]
    return {
        "version": "1.0",
        "added_tokens": [
            added_token(token, number, special=True) for token, number in special.items()
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": pattern},
                    "behavior": "Isolated",
                    "invert": False,
                },
                {
                    "type": "ByteLevel",
                    "add_prefix_space": False,
                    "trim_offsets": True,
                    "use_regex": False,
                },
            ],
        },
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            # tiktoken takes a word that is a token whole, whether merges lead there or not.
            "ignore_merges": True,
            "vocab": {_show(token): ranks[token] for token in order} | dict(special),
            "merges": [[_show(a), _show(b)] for a, b in pairs],
        },
    }


def _show(token: bytes) -> str:
    return "".join(BYTE_CHARACTERS[byte] for byte in token)
