"""From text to a token store: scan, train the tokenizer, encode, install.

The store's name holds a digest of all that decides its content, so that a run finds the store of an
earlier one, and any change of text or settings makes another.
"""

import hashlib
import json
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sentencepiece

from jaxlm import tokenizers
from jaxlm.config import TrainConfig
from jaxlm.data.encode import Encoded, encode_sources, token_dtype
from jaxlm.data.scan import Notify, Progress, Scan, scan_sources
from jaxlm.data.sources import TextSource, find_sources, fixed_weights
from jaxlm.data.split import SPLITS
from jaxlm.data.staging import remove_abandoned, staged_directory
from jaxlm.data.store import FORMAT_VERSION, TOKENIZER_FILE, StoreWriter, TokenStore
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import Tokenizer
from jaxlm.tokenizers.sentencepiece import SentencePieceTokenizer
from jaxlm.tokenizers.training import check_fits, train_tokenizer

# What changes rows but not tokens, or only where the store lies.
_NOT_IN_DIGEST = ("path", "packing", "store_dir")


def print_notice(message: str) -> None:
    """Prints a line to standard error."""
    print(message, file=sys.stderr)


def no_progress(phase: str, done: int, total: int) -> None:
    """Shows nothing."""


def tokenise(
    config: TrainConfig, notify: Notify = print_notice, progress: Progress = no_progress
) -> TokenStore:
    """Makes the token store of a run, or opens the one that an earlier run made.

    The store is built under another name and renamed when complete; a build may be killed at any
    moment and started again.

    Args:
      config: The run; `data`, `tokenizer` and `model.vocab_size` count.
      notify: Told a line about what is done and about all that is left out.
      progress: Told (phase, done, total) in bytes of text; total is 0 where it is not known yet.
        Phases in order: `read`, `tokenizer`, `encode`, `write`.

    Raises:
      UserError: The text, the settings or the disk do not allow it.
    """
    sources = find_sources(config.data)
    _check_vocab_size(config)
    target = _store_directory(config, sources)
    store = _open_existing(target, notify)
    if store is None:
        for path in remove_abandoned(target.parent):
            notify(f"data: removed {path}, left by a build that was killed")
        with staged_directory(target) as directory:
            _build(directory, config, sources, notify, progress)
        store = TokenStore.open(target, verify="size")
        notify(f"data: made {target}: {_describe(store)}")
    check_fits(store.manifest["extra"]["tokenizer"]["vocab_size"], _model_vocab_size(config))
    return store


def plan(config: TrainConfig) -> list[str]:
    """Lines that say what `tokenise` would do; reads no text and writes nothing.

    Raises:
      UserError: The settings do not fit one another, or a source has no files.
    """
    sources = find_sources(config.data)
    _check_vocab_size(config)
    target = _store_directory(config, sources)
    lines = [
        f"data: source {source.name}: {len(source.files):,} files, "
        f"{source.num_bytes / 1e6:.1f} MB ({source.entry})"
        for source in sources
    ]
    settings = config.tokenizer
    if settings.path:
        lines.append(f"tokenizer: {settings.path}")
    else:
        lines.append(
            f"tokenizer: {settings.kind}, up to {settings.vocab_size:,} pieces, to be trained on "
            f"up to {settings.training_bytes / 1e6:.1f} MB of the training text"
        )
    lines.append(f"data: {'reuses' if target.exists() else 'would make'} {target}")
    return lines


def check_tokenizer(store: TokenStore, fingerprint: str) -> None:
    """Refuses a store whose tokens another tokenizer made.

    Args:
      store: An open store.
      fingerprint: `Tokenizer.fingerprint` that the run or its checkpoint expects.

    Raises:
      UserError: They differ (exit 77).
    """
    found = store.manifest["extra"]["tokenizer"]["fingerprint"]
    if found != fingerprint:
        raise UserError(
            f"token store {store.directory} was made by tokenizer {found[:12]}, but this run uses "
            f"tokenizer {fingerprint[:12]}: the same ids would mean other text. Use the store that "
            "the run began with, or start a new run directory",
            ExitCode.UNUSABLE,
        )


def _model_vocab_size(config: TrainConfig) -> int:
    return int(config.model.vocab_size)


def _check_vocab_size(config: TrainConfig) -> None:
    """Fails before any work; `char` and files show their size only later."""
    if config.tokenizer.kind != "char" and not config.tokenizer.path:
        check_fits(config.tokenizer.vocab_size, _model_vocab_size(config))


def _store_directory(config: TrainConfig, sources: Sequence[TextSource]) -> Path:
    tokenizer = asdict(config.tokenizer)
    if path := tokenizer.pop("path"):
        tokenizer = {"fingerprint": tokenizers.load(path).fingerprint}
    data = {k: v for k, v in asdict(config.data).items() if k not in _NOT_IN_DIGEST}
    identity = {
        "format": FORMAT_VERSION,
        "data": data,
        "tokenizer": tokenizer,
        "sources": {source.name: source.listing for source in sources},
        "sentencepiece": sentencepiece.__version__,
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return Path(config.data.store_dir) / f"{config.name}-{digest[:12]}"


def _open_existing(target: Path, notify: Notify) -> TokenStore | None:
    """Opens a store that is there, checked against its hashes; a damaged one is refused."""
    if not target.exists():
        return None
    store = TokenStore.open(target, verify="hash")
    notify(f"data: reusing {target}: {_describe(store)}")
    return store


def _build(
    directory: Path,
    config: TrainConfig,
    sources: Sequence[TextSource],
    notify: Notify,
    progress: Progress,
) -> None:
    scan = scan_sources(
        sources,
        config.data,
        sample_bytes=0 if config.tokenizer.path else config.tokenizer.training_bytes,
        notify=notify,
        progress=progress,
    )
    tokenizer = _make_tokenizer(config, scan, notify, progress)
    tokenizer.save(directory / TOKENIZER_FILE)
    writer = StoreWriter(directory, token_dtype(tokenizer))
    weights = _weights(config, sources, scan)
    encoded = encode_sources(writer, sources, weights, scan, tokenizer, progress)
    _report_unknown(encoded, notify)
    progress("write", 0, 1)
    writer.finish(_provenance(tokenizer, scan, encoded))
    progress("write", 1, 1)


def _make_tokenizer(
    config: TrainConfig, scan: Scan, notify: Notify, progress: Progress
) -> Tokenizer:
    """Loads or trains the tokenizer."""
    if config.tokenizer.path:
        tokenizer = SentencePieceTokenizer.load(config.tokenizer.path)
        check_fits(tokenizer.vocab_size, _model_vocab_size(config))
        if not tokenizer.is_lossless():
            notify(f"tokenizer: {config.tokenizer.path} changes text: some of it will be lost")
        return tokenizer
    size = sum(len(passage.encode()) for passage in scan.passages)
    progress("tokenizer", 0, size)
    model = train_tokenizer(
        config.tokenizer,
        scan.passages,
        max_pieces=_model_vocab_size(config),
        notify=notify,
    )
    progress("tokenizer", size, size)
    return SentencePieceTokenizer(model)


def _weights(config: TrainConfig, sources: Sequence[TextSource], scan: Scan) -> dict[str, float]:
    """Shares that sum to 1; where none are given, as the training text is divided."""
    sizes = [float(scan.counts[source.name].num_bytes["train"]) for source in sources]
    weights = fixed_weights(config.data) or sizes
    return {
        source.name: weight / sum(weights) for source, weight in zip(sources, weights, strict=True)
    }


def _report_unknown(encoded: dict[str, Encoded], notify: Notify) -> None:
    for name, result in encoded.items():
        if result.num_unknown:
            notify(
                f"tokenizer: {result.num_unknown:,} of {result.num_tokens:,} tokens of {name} are "
                "unknown characters, which decode to nothing; tokenizer.byte_fallback=true keeps "
                "them"
            )


def _provenance(tokenizer: Tokenizer, scan: Scan, encoded: dict[str, Encoded]) -> dict[str, Any]:
    """What the manifest says about where the tokens come from."""
    return {
        "tokenizer": {
            "file": TOKENIZER_FILE,
            "fingerprint": tokenizer.fingerprint,
            "vocab_size": tokenizer.vocab_size,
        },
        "versions": {
            "python": sys.version.split()[0],
            "sentencepiece": sentencepiece.__version__,
            "unicode": unicodedata.unidata_version,
        },
        "sources": {
            name: {
                "documents": dict(counts.documents),
                "text_bytes": dict(counts.num_bytes),
                "empty_documents": counts.empty,
                "unknown_tokens": encoded[name].num_unknown,
                "split_by": "document" if scan.rules[name].by_document else "part of document",
            }
            for name, counts in scan.counts.items()
        },
        "bad_documents": [asdict(record) for record in scan.bad],
    }


def _describe(store: TokenStore) -> str:
    counts = [
        f"{sum(source['num_tokens'] for source in store.manifest['splits'][split]):,} {split}"
        for split in SPLITS
    ]
    names = ", ".join(source["name"] for source in store.manifest["splits"]["train"])
    return f"{' and '.join(counts)} tokens of {names}"
