"""Rebuilds a SentencePiece model as the content of a Hugging Face `tokenizer.json`."""

from typing import Any

from sentencepiece import sentencepiece_model_pb2

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.huggingface import Marks, added_token
from jaxlm.tokenizers.merge_order import last_merge
from jaxlm.tokenizers.sentencepiece import SPACE_MARK, SentencePieceTokenizer

_proto: Any = sentencepiece_model_pb2
_Piece = _proto.ModelProto.SentencePiece
_NEVER = -1e4
_CHARACTERS_OF_BYTE_NAMES = "<0x123456789ABCDEF>"


def sentencepiece_as_json(tokenizer: SentencePieceTokenizer) -> tuple[dict[str, Any], Marks]:
    """The content of a `tokenizer.json` that gives the same ids.

    BPE in the library `tokenizers` needs merges where SentencePiece has scores: a piece is merged
    from the two parts that it has at last when it stands alone. User-defined pieces become added
    tokens.

    Raises:
      UserError: The model normalises text, which a tokenizer.json would do otherwise.
    """
    model = _proto.ModelProto.FromString(tokenizer.model)
    _check(model)
    return {
        "version": "1.0",
        "added_tokens": _added_tokens(model),
        "normalizer": _normaliser(model),
        "pre_tokenizer": _isolated(model),
        "post_processor": None,
        "decoder": _decoder(model),
        "model": _unigram(model) if _type(model) == "UNIGRAM" else _bpe(model),
    }, _marks(tokenizer)


def _type(model: Any) -> str:
    return str(_proto.TrainerSpec.ModelType.Name(model.trainer_spec.model_type))


def _check(model: Any) -> None:
    normaliser = model.normalizer_spec
    if normaliser.name != "identity" or normaliser.remove_extra_whitespaces:
        raise UserError(
            f"the model normalises text ({normaliser.name}, remove_extra_whitespaces="
            f"{str(normaliser.remove_extra_whitespaces).lower()}); only one with normaliser "
            "identity that keeps white space can be exported",
            ExitCode.UNUSABLE,
        )
    if _type(model) == "WORD":
        raise UserError("a SentencePiece model of words cannot be exported", ExitCode.UNUSABLE)
    if normaliser.add_dummy_prefix and _of_type(model, _Piece.USER_DEFINED):
        raise UserError(
            "the model puts a space before the text and has user-defined pieces, which a "
            "tokenizer.json would part with a space each; it cannot be exported",
            ExitCode.UNUSABLE,
        )


def _of_type(model: Any, kind: int) -> list[str]:
    return [piece.piece for piece in model.pieces if piece.type == kind]


def _marks(tokenizer: SentencePieceTokenizer) -> Marks:
    names = [tokenizer.piece(t) for t in (tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id)]
    unk = tokenizer.piece(tokenizer.unknown_id)
    return Marks(bos=names[0], eos=names[1], pad=names[2], unk=unk)


def _added_tokens(model: Any) -> list[dict[str, Any]]:
    special = (_Piece.CONTROL, _Piece.UNKNOWN)
    return [
        added_token(_text(piece), number, special=piece.type in special)
        for number, piece in enumerate(model.pieces)
        if piece.type in (*special, _Piece.USER_DEFINED)
    ]


def _text(piece: Any) -> str:
    """A user-defined piece is sought in the text itself, before spaces become marks."""
    is_text = piece.type == _Piece.USER_DEFINED
    return str(piece.piece.replace(SPACE_MARK, " ") if is_text else piece.piece)


def _normaliser(model: Any) -> dict[str, Any]:
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE_MARK}
    prefix = [{"type": "Prepend", "prepend": SPACE_MARK}]
    steps = (prefix if model.normalizer_spec.add_dummy_prefix else []) + [spaces]
    return {"type": "Sequence", "normalizers": steps}


def _isolated(model: Any) -> dict[str, Any] | None:
    """Sets characters apart that no piece has, so that no name of a byte is found with them.

    A unigram model of the library takes a piece, however unlikely, before an unknown character.
    """
    known = {piece.piece for piece in model.pieces}
    missing = "".join(c for c in _CHARACTERS_OF_BYTE_NAMES if c not in known)
    if _type(model) != "UNIGRAM" or not model.trainer_spec.byte_fallback or not missing:
        return None
    pattern = {"Regex": f"[{missing}]"}
    return {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}


def _decoder(model: Any) -> dict[str, Any]:
    spaces = {"type": "Replace", "pattern": {"String": SPACE_MARK}, "content": " "}
    steps = [spaces, {"type": "ByteFallback"}, {"type": "Fuse"}]
    if model.normalizer_spec.add_dummy_prefix:
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {"type": "Sequence", "decoders": steps}


def _unigram(model: Any) -> dict[str, Any]:
    # The library would find the name of a byte, or of a control piece, in the text.
    scores = [p.score if p.type == _Piece.NORMAL else _NEVER for p in model.pieces]
    return {
        "type": "Unigram",
        "unk_id": model.trainer_spec.unk_id,
        "byte_fallback": model.trainer_spec.byte_fallback,
        "vocab": [[_text(p), score] for p, score in zip(model.pieces, scores, strict=True)],
    }


def _bpe(model: Any) -> dict[str, Any]:
    vocab = {_text(piece): number for number, piece in enumerate(model.pieces)}
    scores = {piece.piece: -piece.score for piece in model.pieces if piece.type == _Piece.NORMAL}
    order = sorted(scores, key=scores.__getitem__)
    pairs = [pair for piece in order if (pair := last_merge(piece, scores)) is not None]
    return {
        "type": "BPE",
        "unk_token": model.trainer_spec.unk_piece,
        "fuse_unk": True,
        "byte_fallback": model.trainer_spec.byte_fallback,
        "vocab": vocab,
        "merges": [list(pair) for pair in pairs],
    }
