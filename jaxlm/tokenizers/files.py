"""Recognises a tokenizer file by what is in it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import Tokenizer
from jaxlm.tokenizers.split_patterns import PatternName

_TIKTOKEN_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")
_SETTINGS_FILES = ("special_tokens_map.json", "tokenizer_config.json")
_KNOWN = (
    "a SentencePiece model, a tokenizer.json or its folder, a tiktoken file, the codes of "
    "subword-nmt, a BERT vocab.txt or a tokenizer that jaxlm saved"
)


def load(path: str | Path, pattern: PatternName | None = None) -> Tokenizer:
    """Loads a tokenizer from its file or folder, whichever program wrote it.

    Args:
      path: A SentencePiece model; a `tokenizer.json`, or a folder with one and with
        `tokenizer_config.json`; a tiktoken file; codes of subword-nmt, with their `vocab.txt` in
        the same folder; a BERT `vocab.txt`; or what `Tokenizer.save` wrote.
      pattern: How text is split, for a tiktoken file that is no published vocabulary.

    Raises:
      UserError: The file is missing, damaged, no tokenizer, or has no tokens that begin and end
        documents (exit 77).
    """
    try:
        return _read(Path(path), pattern)
    except OSError as error:
        raise UserError(f"tokenizer {path}: {error.strerror}", ExitCode.UNUSABLE) from error
    except UserError as error:
        raise UserError(f"tokenizer {path}: {error}", error.exit_code) from error


def _read(path: Path, pattern: PatternName | None) -> Tokenizer:
    if path.is_dir():
        return _read(_file_of_folder(path), pattern)
    content = path.read_bytes()
    if content.lstrip()[:1] == b"{":
        return _from_json(_parse(content), path.parent)
    if _TIKTOKEN_LINE.match(content):
        from jaxlm.tokenizers.tiktoken_file import read_tiktoken

        return read_tiktoken(content, pattern)
    if content[:1] == b"\n":  # field 1 of a protocol buffer, the first piece
        from jaxlm.tokenizers.sentencepiece import SentencePieceTokenizer

        return SentencePieceTokenizer(content)
    return _from_text(content, path.parent)


def _file_of_folder(folder: Path) -> Path:
    for name in ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.txt"):
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        "the folder has no tokenizer.json, tokenizer.model, spiece.model or vocab.txt",
        ExitCode.UNUSABLE,
    )


def _parse(content: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise UserError(f"not valid JSON: {error}", ExitCode.UNUSABLE) from error


def _from_json(data: Mapping[str, Any], folder: Path) -> Tokenizer:
    kind = data.get("type")
    if kind == "subword_nmt":
        from jaxlm.tokenizers.subword_nmt import SubwordNmtTokenizer

        return SubwordNmtTokenizer.from_json(dict(data))
    if kind == "wordpiece":
        from jaxlm.tokenizers.wordpiece import WordPieceTokenizer

        return WordPieceTokenizer.from_json(dict(data))
    if kind == "huggingface":
        return _saved_huggingface(data)
    if isinstance(data.get("model"), dict) and "vocab" in data["model"]:
        return _huggingface(data, _settings(folder))
    raise UserError(f"JSON that is no tokenizer; expected {_KNOWN}", ExitCode.UNUSABLE)


def _saved_huggingface(data: Mapping[str, Any]) -> Tokenizer:
    from jaxlm.tokenizers.byte_level import open_huggingface
    from jaxlm.tokenizers.huggingface import Marks

    try:
        marks = Marks(**{role: data[role] for role in ("bos", "eos", "pad", "unk")})
        return open_huggingface(data["tokenizer"], marks)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"a damaged tokenizer file: {error} is wrong", ExitCode.UNUSABLE) from error


def _huggingface(data: Mapping[str, Any], settings: Mapping[str, Any]) -> Tokenizer:
    from jaxlm.tokenizers.byte_level import open_huggingface
    from jaxlm.tokenizers.huggingface import find_marks

    try:
        return open_huggingface(data, find_marks(data, settings))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"a damaged tokenizer.json: {error!r}", ExitCode.UNUSABLE) from error


def _settings(folder: Path) -> dict[str, Any]:
    """What the files beside a tokenizer.json say; the last one has the last word."""
    settings: dict[str, Any] = {}
    for name in _SETTINGS_FILES:
        if (folder / name).is_file():
            settings |= _parse((folder / name).read_bytes())
    return settings


def _from_text(content: bytes, folder: Path) -> Tokenizer:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    lines = text.split("\n")
    if "[UNK]" in lines[:1000]:
        from jaxlm.tokenizers.wordpiece import WordPieceTokenizer

        return WordPieceTokenizer.from_vocab(lines)
    if lines and lines[0].startswith("#version:"):
        from jaxlm.tokenizers.subword_nmt import SubwordNmtTokenizer, read_vocabulary

        return SubwordNmtTokenizer.from_codes(text, read_vocabulary(_vocabulary(folder)))
    raise UserError(f"not a tokenizer; expected {_KNOWN}", ExitCode.UNUSABLE)


def _vocabulary(folder: Path) -> str:
    path = folder / "vocab.txt"
    if not path.is_file():
        raise UserError(
            f"codes of subword-nmt need the vocabulary of the segmented text; put it at {path}",
            ExitCode.UNUSABLE,
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 at byte {error.start:,}; convert it", ExitCode.UNUSABLE
        ) from error
