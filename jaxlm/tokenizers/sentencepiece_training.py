"""Trains a SentencePiece model that spells any text back exactly."""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sentencepiece

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.config import SentencePieceConfig
from jaxlm.tokenizers.sentencepiece import SPACE_MARK

# SentencePiece learns no line feed and no tab (its trainer reads lines and reserves the tab), so
# their runs are given as symbols; runs of spaces are learned.
_WHITE_SPACE_RUNS = ("\n", "\n\n", "\n\n\n", "\t", "\t\t", "\t\t\t", "\t\t\t\t")
_SINGLE_WHITE_SPACE = ("\n", "\t")
_NOT_LEARNED = re.compile(f"[\n\t{SPACE_MARK}]+")

_NUM_CONTROLS = 4
_NUM_BYTES = 256
_TOO_SMALL = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")

_LOSSLESS = {
    "normalization_rule_name": "identity",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
    "allow_whitespace_only_pieces": True,
}
_CONTROLS = {"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": 3}


def train_sentencepiece(
    config: SentencePieceConfig,
    passages: Sequence[str],
    *,
    max_pieces: int,
    notify: Callable[[str], None],
) -> bytes:
    """Learns pieces from text; the same passages in the same order give the same bytes.

    Args:
      config: Kind and number of pieces.
      passages: Text of the training split.
      max_pieces: Rows of the model's embedding, `model.vocab_size`.
      notify: Told where the result differs from what `config` asks for.

    Returns:
      The serialised SentencePiece model.

    Raises:
      UserError: The pieces do not fit into the model, or `vocab_size` is too small for the text.
    """
    sentences = [line for passage in passages for line in _NOT_LEARNED.split(passage) if line]
    if not sentences:
        raise UserError(
            "nothing to train a tokenizer on: the training text holds only white space, or "
            f"tokenizer.training_bytes={config.training_bytes} is too small",
            ExitCode.UNUSABLE,
        )
    if config.kind == "char":
        _check_characters(config, sentences, max_pieces, notify)
    model = _run_trainer(config, sentences)
    num_pieces = sentencepiece.SentencePieceProcessor(model_proto=model).get_piece_size()
    if num_pieces < config.vocab_size and config.kind != "char":
        notify(
            f"tokenizer: the training text supports only {num_pieces:,} pieces, fewer than "
            f"tokenizer.vocab_size={config.vocab_size:,}; training goes on with {num_pieces:,}"
        )
    return model


def _run_trainer(config: SentencePieceConfig, sentences: Iterable[str]) -> bytes:
    sentencepiece.set_min_log_level(3)
    output = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=output, **_settings(config)
        )
    except RuntimeError as error:
        raise UserError(_explain(config, str(error))) from error
    return output.getvalue()


def _settings(config: SentencePieceConfig) -> dict[str, Any]:
    return (
        _LOSSLESS
        | _CONTROLS
        | {
            "model_type": config.kind,
            "vocab_size": config.vocab_size,
            # Fewer pieces than asked for is announced, not a failure.
            "hard_vocab_limit": False,
            "byte_fallback": config.byte_fallback,
            # The last 0.05 % of characters would take pieces that bytes can spell.
            "character_coverage": 0.9995 if config.byte_fallback and config.kind != "char" else 1.0,
            "user_defined_symbols": list(_symbols(config)),
            "split_digits": True,
            # Sums of floating-point counts depend on the number of threads.
            "num_threads": 1,
            "max_sentence_length": 1 << 24,
            "minloglevel": 3,
        }
    )


def _symbols(config: SentencePieceConfig) -> tuple[str, ...]:
    return _SINGLE_WHITE_SPACE if config.kind == "char" else _WHITE_SPACE_RUNS


def _check_characters(
    config: SentencePieceConfig,
    sentences: Sequence[str],
    max_pieces: int,
    notify: Callable[[str], None],
) -> None:
    num_characters = len(set().union(*sentences) | {" "})
    num_others = _NUM_CONTROLS + len(_symbols(config)) + _NUM_BYTES * config.byte_fallback
    needed = num_characters + num_others
    found = f"tokenizer.kind=char found {num_characters:,} characters ({needed:,} pieces with the "
    found += f"{num_others} others), more than"
    if needed > max_pieces:
        raise UserError(
            f"{found} model.vocab_size={max_pieces:,}; set model.vocab_size={needed} and "
            f"tokenizer.vocab_size={needed}, or use tokenizer.kind=bpe"
        )
    if needed > config.vocab_size:
        if not config.byte_fallback:
            raise UserError(
                f"{found} tokenizer.vocab_size={config.vocab_size:,}; set "
                f"tokenizer.vocab_size={needed} or tokenizer.byte_fallback=true"
            )
        notify(f"{found} tokenizer.vocab_size={config.vocab_size:,}; the rarest become bytes")


def _explain(config: SentencePieceConfig, error: str) -> str:
    too_small = _TOO_SMALL.search(error)
    if too_small is None:
        return f"SentencePiece cannot train on this text: {error}"
    return (
        f"tokenizer.vocab_size={config.vocab_size:,} cannot hold the characters of the training "
        f"text; set it to more than {int(too_small[1]):,}"
    )
