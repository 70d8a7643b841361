"""Writes a tokenizer as a Hugging Face folder that gives the same ids."""

import json
from pathlib import Path
from typing import Any

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import Tokenizer
from jaxlm.tokenizers.byte_level import ByteLevelTokenizer, open_huggingface
from jaxlm.tokenizers.huggingface import HuggingFaceTokenizer, Marks
from jaxlm.tokenizers.sentencepiece import SentencePieceTokenizer
from jaxlm.tokenizers.sentencepiece_export import sentencepiece_as_json

# White space in runs, digits, scripts with and without spaces, marks that combine, emoji that join,
# characters for byte fallback, and the name of a byte.
_PROBE = (
    " The quick\tbrown  fox\n\n\n   jumps:\r\n12345 + 6.78 == 'don't' <0x41>\x00      end "
    "\u4f60\u597d\uff0c\u4e16\u754c \u3053\u3093\u306b\u3061\u306f \u0928\u092e\u0938\u094d\u0924 "
    "na\u00efve e\u0301 \ufb01 \U0001f469\u200d\U0001f469\u200d\U0001f467 "
)


def export(tokenizer: Tokenizer, folder: str | Path) -> None:
    """Writes `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`.

    Args:
      tokenizer: SentencePiece without normalisation, or anything that came as `tokenizer.json`.
        For SentencePiece there are two exceptions to equal ids: text with U+2581, which a
        tokenizer.json cannot tell from a space, and, for unigram models, two segmentations so
        nearly equal in score that float32 and float64 decide differently.
      folder: Made if it is not there.

    Raises:
      UserError: The tokenizer has no equal as tokenizer.json.
    """
    data, marks = as_json(tokenizer)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    roles = {"bos": marks.bos, "eos": marks.eos, "pad": marks.pad, "unk": marks.unk}
    names = {f"{role}_token": token for role, token in roles.items() if token}
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        **names,
    }
    _write(folder / "tokenizer.json", data)
    _write(folder / "tokenizer_config.json", settings)
    _write(folder / "special_tokens_map.json", names)


def as_json(tokenizer: Tokenizer) -> tuple[dict[str, Any], Marks]:
    """A tokenizer as the content of a `tokenizer.json`, and the tokens that have a role.

    Raises:
      UserError: There is no such content that gives the same ids.
    """
    if isinstance(tokenizer, ByteLevelTokenizer) and (misread := tokenizer.misread_tokens()):
        raise UserError(
            f"the tokenizer cannot be exported: the library tokenizers takes letters of the added "
            f"token {misread[0]!r} for bytes and would decode it to other text",
            ExitCode.UNUSABLE,
        )
    if isinstance(tokenizer, HuggingFaceTokenizer):
        return tokenizer.data, tokenizer.marks
    if not isinstance(tokenizer, SentencePieceTokenizer):
        raise UserError(
            f"a {type(tokenizer).__name__} cannot be exported as tokenizer.json; its own file "
            "(`save`) is what jaxlm reads",
            ExitCode.USAGE,
        )
    data, marks = sentencepiece_as_json(tokenizer)
    _check_same_ids(tokenizer, open_huggingface(data, marks))
    return data, marks


def _check_same_ids(tokenizer: Tokenizer, exported: Tokenizer) -> None:
    pieces = [tokenizer.piece(token) for token in range(tokenizer.vocab_size)]
    texts = [_PROBE, " ".join(pieces).replace("\u2581", " ")]
    found = exported.encode_batch(texts)
    for text, ids, wanted in zip(texts, found, tokenizer.encode_batch(texts), strict=True):
        if ids.tolist() != wanted.tolist():
            raise UserError(
                "the tokenizer cannot be exported: as tokenizer.json it gives other ids, as for "
                f"{text[:40]!r}",
                ExitCode.UNUSABLE,
            )


def _write(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=2)
    path.write_text(f"{text}\n", encoding="utf-8")
