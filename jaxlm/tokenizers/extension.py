"""Adds tokens to a vocabulary; every old id keeps its meaning."""

from collections.abc import Sequence

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import Tokenizer
from jaxlm.tokenizers.byte_level import open_huggingface
from jaxlm.tokenizers.huggingface import HuggingFaceTokenizer, added_token
from jaxlm.tokenizers.sentencepiece import SPACE_MARK, SentencePieceTokenizer

# Fields and types of a piece in sentencepiece_model.proto.
_PIECES, _PIECE, _SCORE, _TYPE = b"\x0a", b"\x0a", b"\x15", b"\x18"
_CONTROL, _USER_DEFINED = 3, 4


def extend(
    tokenizer: Tokenizer, ordinary: Sequence[str] = (), special: Sequence[str] = ()
) -> Tokenizer:
    """A tokenizer with more tokens, at the ids after its last one, ordinary tokens first.

    An ordinary token is found wherever its spelling stands in a text (a unigram SentencePiece model
    still prefers its own pieces where they are likelier), so the ids of such texts change; what old
    ids decode to does not. A special token is found on request only.

    Args:
      tokenizer: Stays as it is.
      ordinary: Spellings of tokens that are text.
      special: Spellings of tokens that are not.

    Raises:
      UserError: A token is empty, given twice or known, or this kind cannot be extended.
    """
    _check(tokenizer, [*ordinary, *special])
    if isinstance(tokenizer, SentencePieceTokenizer):
        return _extend_sentencepiece(tokenizer, ordinary, special)
    if isinstance(tokenizer, HuggingFaceTokenizer):
        return _extend_huggingface(tokenizer, ordinary, special)
    raise UserError(
        f"a {type(tokenizer).__name__} cannot be extended: its pieces come from its merges or its "
        "words; train it with the tokens in its text",
        ExitCode.USAGE,
    )


def _check(tokenizer: Tokenizer, added: Sequence[str]) -> None:
    known = {tokenizer.piece(token) for token in range(tokenizer.vocab_size)}
    for place, token in enumerate(added):
        if not token:
            raise UserError("a token to add is empty; give its spelling", ExitCode.USAGE)
        if token in added[:place]:
            raise UserError(f"token {token!r} is to be added twice; name it once", ExitCode.USAGE)
        if token in known:
            raise UserError(
                f"token {token!r} is in the vocabulary already; leave it out", ExitCode.USAGE
            )


def _extend_sentencepiece(
    tokenizer: SentencePieceTokenizer, ordinary: Sequence[str], special: Sequence[str]
) -> SentencePieceTokenizer:
    """Appends pieces to the serialised model: repeated fields of a message may follow it."""
    pieces = [_serialise(token.replace(" ", SPACE_MARK), _USER_DEFINED) for token in ordinary]
    pieces += [_serialise(token, _CONTROL) for token in special]
    return SentencePieceTokenizer(b"".join([tokenizer.model, *pieces]))


def _serialise(token: str, kind: int) -> bytes:
    spelling = token.encode()
    score = bytes(4)  # 0.0
    piece = _PIECE + _varint(len(spelling)) + spelling + _SCORE + score + _TYPE + bytes([kind])
    return _PIECES + _varint(len(piece)) + piece


def _varint(number: int) -> bytes:
    """Base 128, low digits first, the high bit set on all bytes but the last."""
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(high) if high else bytes([low])


def _extend_huggingface(
    tokenizer: HuggingFaceTokenizer, ordinary: Sequence[str], special: Sequence[str]
) -> HuggingFaceTokenizer:
    data, start = dict(tokenizer.data), tokenizer.vocab_size
    numbers = {token: start + place for place, token in enumerate([*ordinary, *special])}
    added = [added_token(token, numbers[token], special=token in special) for token in numbers]
    data["added_tokens"] = [*(data.get("added_tokens") or ()), *added]
    if data["model"].get("type") == "BPE":
        # Ids with gaps must be given; no merge leads to these pieces, so no text does.
        vocab = data["model"]["vocab"] | numbers
        data["model"] = {**data["model"], "vocab": vocab}
    extended = open_huggingface(data, tokenizer.marks)
    if any(extended.piece(number) != token for token, number in numbers.items()):
        raise UserError(
            "the library tokenizers gives the added tokens other ids, since the vocabulary has "
            "gaps; this tokenizer cannot be extended",
            ExitCode.UNUSABLE,
        )
    return extended
