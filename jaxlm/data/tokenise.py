"""From text to a token store: scan, train the tokenizer, encode, install.

The store's name holds a digest of all that decides its content, so that a run finds the store of an
earlier one, and any change of text or settings makes another.
"""

import hashlib
import json
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jaxlm.config import TrainConfig
from jaxlm.data.config import DataConfig
from jaxlm.data.encode import Encoded, encode_sources, token_dtype
from jaxlm.data.scan import Notify, Progress, Scan, scan_sources
from jaxlm.data.sources import TextSource, find_sources, fixed_weights
from jaxlm.data.split import SPLITS
from jaxlm.data.staging import remove_abandoned, staged_directory
from jaxlm.data.store import FORMAT_VERSION, TOKENIZER_FILE, StoreWriter, TokenStore
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import Tokenizer
from jaxlm.tokenizers.config import TokenizerConfig

# What changes rows but not tokens, or only where the store lies.
_NOT_IN_DIGEST = (
    "path",
    "packing",
    "store_dir",
    "stores",
    "stages",
    "temperature",
    "subword_alpha",
    "subword_nbest",
)


def print_notice(message: str) -> None:
    """Prints a line to standard error."""
    print(message, file=sys.stderr)


def no_progress(phase: str, done: int, total: int) -> None:
    """Shows nothing."""


@dataclass(frozen=True, kw_only=True)
class StoreOrder:
    """What a token store is made of.

    Attributes:
      name: Beginning of its directory's name.
      sources: The text.
      data: How it is divided and where the store lies.
      tokenizer: What makes tokens.
      max_pieces: Ids that the tokenizer may have.
    """

    name: str
    sources: tuple[TextSource, ...]
    data: DataConfig
    tokenizer: TokenizerConfig
    max_pieces: int


def tokenise(
    config: TrainConfig, notify: Notify = print_notice, progress: Progress = no_progress
) -> TokenStore:
    """Makes the token store of a run, or opens the one that an earlier run made.

    Args:
      config: The run; `data`, `tokenizer` and `model.vocab_size` count.
      notify: As in `make_store`.
      progress: As in `make_store`.

    Raises:
      UserError: The text, the settings or the disk do not allow it.
    """
    return make_store(_order(config), notify, progress)


def make_store(
    order: StoreOrder, notify: Notify = print_notice, progress: Progress = no_progress
) -> TokenStore:
    """Makes a token store, or opens the one that is there.

    The store is built under another name and renamed when complete; a build may be killed at any
    moment and started again.

    Args:
      order: What it is made of.
      notify: Told a line about what is done and about all that is left out.
      progress: Told (phase, done, total) in bytes of text; total is 0 where it is not known yet.
        Phases in order: `read`, `tokenizer`, `encode`, `write`.

    Raises:
      UserError: The text, the settings or the disk do not allow it.
    """
    target = _store_directory(order)
    store = _open_existing(target, notify)
    if store is None:
        for path in remove_abandoned(target.parent):
            notify(f"data: removed {path}, left by a build that was killed")
        with staged_directory(target) as directory:
            _build(directory, order, notify, progress)
        store = TokenStore.open(target, verify="size")
        notify(f"data: made {target}: {_describe(store)}")
    check_fits(store.manifest["extra"]["tokenizer"]["vocab_size"], order.max_pieces)
    return store


def plan(config: TrainConfig) -> list[str]:
    """Lines that say what `tokenise` would do; reads no text and writes nothing.

    Raises:
      UserError: The settings do not fit one another, or a source has no files.
    """
    if config.data.stores:
        return [f"data: store {entry}" for entry in config.data.stores]
    order = _order(config)
    target = _store_directory(order)
    lines = [
        f"data: source {source.name}: {len(source.files):,} files, "
        f"{source.num_bytes / 1e6:.1f} MB ({source.entry})"
        for source in order.sources
    ]
    settings = config.tokenizer
    if settings.path:
        lines.append(f"tokenizer: {settings.path}")
    else:
        lines.append(
            f"tokenizer: {type(settings).__name__}, up to {settings.vocab_size:,} pieces, to be "
            f"trained on up to {settings.training_bytes / 1e6:.1f} MB of the training text"
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
    found = store.fingerprint
    if found != fingerprint:
        raise UserError(
            f"token store {store.directory} was made by tokenizer {found[:12]}, but this run uses "
            f"tokenizer {fingerprint[:12]}: the same ids would mean other text. Use the store that "
            "the run began with, or start a new run directory",
            ExitCode.UNUSABLE,
        )


def check_fits(num_pieces: int, max_pieces: int) -> None:
    """Refuses a tokenizer with ids that the model's embedding does not have.

    Raises:
      UserError: There are more pieces than `max_pieces`.
    """
    if num_pieces > max_pieces:
        raise UserError(
            f"the tokenizer has {num_pieces:,} pieces (tokenizer.vocab_size) but the model embeds "
            f"only {max_pieces:,} (model.vocab_size); set tokenizer.vocab_size={max_pieces} or "
            f"model.vocab_size={num_pieces}"
        )


def _order(config: TrainConfig) -> StoreOrder:
    """The store of a run; what cannot fit fails here, before any work."""
    sources = find_sources(config.data)
    max_pieces = int(config.model.vocab_size)
    most = config.tokenizer.most_ids()  # `char` and files show their size only later
    if most is not None and not config.tokenizer.path:
        check_fits(most, max_pieces)
    return StoreOrder(
        name=config.name,
        sources=sources,
        data=config.data,
        tokenizer=config.tokenizer,
        max_pieces=max_pieces,
    )


def _store_directory(order: StoreOrder) -> Path:
    tokenizer = asdict(order.tokenizer) | {"type": type(order.tokenizer).__name__}
    if tokenizer.pop("path"):
        tokenizer = {"fingerprint": order.tokenizer.load().fingerprint}
    data = {k: v for k, v in asdict(order.data).items() if k not in _NOT_IN_DIGEST}
    identity = {
        "format": FORMAT_VERSION,
        "data": data,
        "tokenizer": tokenizer,
        "sources": {source.name: source.listing for source in order.sources},
        "libraries": _libraries(),
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return Path(order.data.store_dir) / f"{order.name}-{digest[:12]}"


def _libraries() -> dict[str, str]:
    """Versions of what trains tokenizers and encodes text."""
    return {name: version(name) for name in ("sentencepiece", "tokenizers")}


def _open_existing(target: Path, notify: Notify) -> TokenStore | None:
    """Opens a store that is there, checked against its hashes; a damaged one is refused."""
    if not target.exists():
        return None
    store = TokenStore.open(target, verify="hash")
    notify(f"data: reusing {target}: {_describe(store)}")
    return store


def _build(directory: Path, order: StoreOrder, notify: Notify, progress: Progress) -> None:
    scan = scan_sources(
        order.sources,
        order.data,
        sample_bytes=0 if order.tokenizer.path else order.tokenizer.training_bytes,
        notify=notify,
        progress=progress,
    )
    tokenizer = _make_tokenizer(order, scan, notify, progress)
    tokenizer.save(directory / TOKENIZER_FILE)
    writer = StoreWriter(directory, token_dtype(tokenizer))
    weights = _weights(order.data, order.sources, scan)
    encoded = encode_sources(writer, order.sources, weights, scan, tokenizer, progress)
    _report_unknown(encoded, notify)
    progress("write", 0, 1)
    writer.finish(_provenance(tokenizer, scan, encoded))
    progress("write", 1, 1)


def _make_tokenizer(order: StoreOrder, scan: Scan, notify: Notify, progress: Progress) -> Tokenizer:
    """Loads or trains the tokenizer."""
    if order.tokenizer.path:
        tokenizer, name = order.tokenizer.load(), order.tokenizer.path
    else:
        tokenizer = _train_tokenizer(order, scan, notify, progress)
        name = type(order.tokenizer).__name__
    check_fits(tokenizer.vocab_size, order.max_pieces)
    if not tokenizer.is_lossless():
        notify(f"tokenizer: {name} changes text: some of it may be lost")
    return tokenizer


def _train_tokenizer(
    order: StoreOrder, scan: Scan, notify: Notify, progress: Progress
) -> Tokenizer:
    size = sum(len(passage.encode()) for passage in scan.passages)
    progress("tokenizer", 0, size)
    tokenizer = order.tokenizer.train(scan.passages, order.max_pieces, notify)
    progress("tokenizer", size, size)
    return tokenizer


def _weights(data: DataConfig, sources: Sequence[TextSource], scan: Scan) -> dict[str, float]:
    """Shares that sum to 1; where none are given, as the training text is divided."""
    sizes = [float(scan.counts[source.name].num_bytes["train"]) for source in sources]
    weights = fixed_weights(data) or sizes
    return {
        source.name: weight / sum(weights) for source, weight in zip(sources, weights, strict=True)
    }


def _report_unknown(encoded: dict[str, Encoded], notify: Notify) -> None:
    for name, result in encoded.items():
        if result.num_unknown:
            notify(
                f"tokenizer: {result.num_unknown:,} of {result.num_tokens:,} tokens of {name} are "
                "unknown characters, which are lost; tokenizer.byte_fallback=true or a byte-level "
                "tokenizer keeps them"
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
            **_libraries(),
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
