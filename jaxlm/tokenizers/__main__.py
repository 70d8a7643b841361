"""Trains, compares, extends and exports tokenizers.

python -m jaxlm.tokenizers train KIND [field=value ...] --text PATH... --vocab-size N --out FILE
python -m jaxlm.tokenizers compare TOKENIZER... --text PATH...
python -m jaxlm.tokenizers extend TOKENIZER --out FILE [--ordinary TOKEN...] [--special TOKEN...]
python -m jaxlm.tokenizers export TOKENIZER FOLDER
"""

import glob
import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxlm.config.fields import types_of
from jaxlm.config.values import expected, from_text
from jaxlm.errors import ArgumentParser, ExitCode, UserError, run_main
from jaxlm.spelling import nearest
from jaxlm.tokenizers.config import (
    ByteLevelConfig,
    SentencePieceConfig,
    SubwordNmtConfig,
    TokenizerConfig,
    WordPieceConfig,
)
from jaxlm.tokenizers.cut import cut_text
from jaxlm.tokenizers.files import load

_PASSAGE_CHARACTERS = 1 << 12


@dataclass(frozen=True)
class _Kind:
    """A class of configuration and the fields that the kind's name sets."""

    config: type[TokenizerConfig]
    fixed: Mapping[str, Any]


_KINDS = {
    "bpe": _Kind(SentencePieceConfig, {"kind": "bpe"}),
    "unigram": _Kind(SentencePieceConfig, {"kind": "unigram"}),
    "char": _Kind(SentencePieceConfig, {"kind": "char"}),
    "byte_level": _Kind(ByteLevelConfig, {}),
    "subword_nmt": _Kind(SubwordNmtConfig, {}),
    "wordpiece": _Kind(WordPieceConfig, {}),
}
# Given by options of their own, or without meaning here.
_NOT_FIELDS = {"vocab_size", "path", "kind"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the commands; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    return _COMMANDS[chosen.command](chosen)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m jaxlm.tokenizers",
        description=__doc__,
        formatter_class=RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_train(commands.add_parser("train", help="learn a tokenizer from text"))
    compared = commands.add_parser("compare", help="measure tokenizers on texts")
    compared.add_argument("tokenizers", nargs="+", type=Path, metavar="TOKENIZER")
    _add_text(compared)
    extended = commands.add_parser("extend", help="add tokens, keeping every old id")
    extended.add_argument("tokenizer", type=Path)
    extended.add_argument("--out", type=Path, required=True)
    extended.add_argument("--ordinary", nargs="+", default=[], help="tokens that are text")
    extended.add_argument("--special", nargs="+", default=[], help="tokens that are not text")
    exported = commands.add_parser("export", help="write a Hugging Face folder")
    exported.add_argument("tokenizer", type=Path)
    exported.add_argument("folder", type=Path)
    return parser


def _add_train(parser: ArgumentParser) -> None:
    parser.add_argument("kind", choices=sorted(_KINDS))
    parser.add_argument("settings", nargs="*", metavar="field=value", help="as tokenizer.field")
    _add_text(parser)
    parser.add_argument("--vocab-size", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)


def _add_text(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--text", nargs="+", required=True, help="UTF-8 text files, or patterns with * and **"
    )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Refuses a place without a folder before the work, and tells what the disk says after it."""
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}; make it first")
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}", ExitCode.STORAGE) from error


def _train(chosen: Namespace) -> int:
    config = _config(chosen.kind, chosen.vocab_size, chosen.settings)
    with _writing(chosen.out):
        passages = _passages(chosen.text, config.training_bytes)
        tokenizer = config.train(passages, chosen.vocab_size, _notify)
        tokenizer.save(chosen.out)
    print(f"wrote {chosen.out}: {tokenizer.vocab_size:,} ids")
    return ExitCode.DONE


def _config(kind: str, vocab_size: int, settings: Sequence[str]) -> TokenizerConfig:
    owner = _KINDS[kind].config
    types = {name: t for name, t in types_of(owner).items() if name not in _NOT_FIELDS}
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if name not in types or not equals:
            close = ", ".join(nearest(name, types))
            raise UserError(f"{setting}: not a setting of {owner.__name__}; the nearest: {close}")
        try:
            values[name] = from_text(text, types[name])
        except ValueError as error:
            raise UserError(f"{setting}: {name} is {expected(types[name])}") from error
    config = owner(vocab_size=vocab_size, **(dict(_KINDS[kind].fixed) | values))
    if vocab_size < config.least_size() or config.training_bytes <= 0:
        raise UserError(
            f"--vocab-size is at least {config.least_size()} for {kind}, and training_bytes "
            "greater than 0"
        )
    return config


def _passages(patterns: Sequence[str], max_bytes: int) -> list[str]:
    """Text to learn from, spread evenly over the files."""
    texts = _texts(patterns).values()
    passages = [part for text in texts for part in cut_text(text, _PASSAGE_CHARACTERS) if part]
    num_bytes = sum(len(passage.encode()) for passage in passages)
    step = -(-num_bytes // max_bytes)
    if step > 1:
        _notify(
            f"tokenizer: training on every {step}th of {len(passages):,} passages: "
            f"{num_bytes:,} bytes of text are more than training_bytes={max_bytes:,}"
        )
    return passages[::step] if step else passages


def _texts(patterns: Sequence[str]) -> dict[str, str]:
    """The content of each file, by its path."""
    texts: dict[str, str] = {}
    for pattern in patterns:
        found = sorted(p for p in glob.glob(pattern, recursive=True) if Path(p).is_file())
        if not found:
            raise UserError(f"--text {pattern}: no such file", ExitCode.UNUSABLE)
        texts |= {path: _read(path) for path in found}
    return texts


def _read(path: str) -> str:
    try:
        # Without translation of line ends: they are text.
        return Path(path).read_bytes().decode()
    except OSError as error:
        raise UserError(f"--text {path}: {error.strerror}", ExitCode.UNUSABLE) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"--text {path}: not UTF-8 at byte {error.start:,}; convert it, or leave it out",
            ExitCode.UNUSABLE,
        ) from error


def _compare(chosen: Namespace) -> int:
    from jaxlm.tokenizers.compare import compare, print_table

    tokenizers = {str(path): load(path) for path in chosen.tokenizers}
    print_table(compare(tokenizers, _texts(chosen.text)), sys.stdout)
    return ExitCode.DONE


def _extend(chosen: Namespace) -> int:
    from jaxlm.tokenizers.extension import extend

    with _writing(chosen.out):
        tokenizer = extend(load(chosen.tokenizer), chosen.ordinary, chosen.special)
        tokenizer.save(chosen.out)
    print(f"wrote {chosen.out}: {tokenizer.vocab_size:,} ids")
    return ExitCode.DONE


def _export(chosen: Namespace) -> int:
    from jaxlm.tokenizers.export import export

    with _writing(chosen.folder):
        export(load(chosen.tokenizer), chosen.folder)
    print(f"wrote {chosen.folder}")
    return ExitCode.DONE


def _notify(message: str) -> None:
    print(message, file=sys.stderr)


_COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "train": _train,
    "compare": _compare,
    "extend": _extend,
    "export": _export,
}

if __name__ == "__main__":
    run_main(main)
