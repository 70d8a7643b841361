"""`python -m jaxlm.data view PATH`: what is in a token store, or in one step of a run."""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from jaxlm import tokenizers
from jaxlm.data.loader import batch_sample_ids
from jaxlm.data.sample_names import SamplePiece, name_samples
from jaxlm.data.stages import open_stream
from jaxlm.data.store import Source, TokenStore
from jaxlm.data.stream import Stream
from jaxlm.errors import ExitCode, UserError
from jaxlm.run_directory import RunDirectory, read_config
from jaxlm.tokenizers.base import Tokenizer


def view_store(
    directory: Path,
    *,
    split: str = "train",
    source: str = "",
    first: int = 0,
    count: int = 3,
    characters: int = 300,
) -> Iterator[str]:
    """Yields lines on a store: its manifest in short, then documents of each source.

    Args:
      directory: The store.
      split: The split whose documents are shown.
      source: The one source to show; empty shows all.
      first: First document of each source.
      count: Number of documents of each source.
      characters: Characters of a text to show; 0 shows all.

    Raises:
      UserError: There is no such store, split or source.
    """
    store = TokenStore.open(directory, verify="size")
    yield from _summary(store)
    chosen = [found for found in store.split(split) if source in ("", found.name)]
    if not chosen:
        names = ", ".join(found.name for found in store.split(split))
        raise UserError(f"{directory}: split {split!r} has no source {source!r}, only {names}")
    for found in chosen:
        for number in range(first, min(first + count, len(found.offsets) - 1)):
            tokens = found.document(number)
            yield f"{split}.{found.name}: {_label(found, number)}: {len(tokens):,} tokens"
            yield _indented(_text(store, tokens), characters)


def view_step(run: Path, step: int, characters: int = 300) -> Iterator[str]:
    """Yields lines on the rows that a run trains on in one step, piece by piece.

    Args:
      run: Directory of the run.
      step: Number of the step, from 1, as in the run's log.
      characters: Characters of a piece to show; 0 shows all.

    Raises:
      UserError: The directory is no run's, the step is not one of it, or its data has changed.
    """
    config = read_config(run)
    if not 1 <= step <= config.num_steps:
        raise UserError(f"--step {step}: the steps of {run} go from 1 to {config.num_steps}")
    stream = _open_run_stream(run)
    tokenizer = tokenizers.load(RunDirectory(run).tokenizer)
    samples = batch_sample_ids(step - 1, config.batch.size)
    pieces = groupby(name_samples(stream, samples), key=lambda piece: piece.sample)
    for row, (sample, in_row) in enumerate(pieces):
        yield f"row {row}: sample {sample}"
        for piece in in_row:
            yield from _piece(stream, piece, tokenizer, characters)


def _open_run_stream(run: Path) -> Stream:
    """The stream of a run, from the stores that its data.json names."""
    path = run / "data.json"
    try:
        recorded = dict(json.loads(path.read_text("utf-8"))["stores"])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path} does not say which token stores the run reads ({error!r}); it is written when "
            "the run starts",
            ExitCode.UNUSABLE,
        ) from None
    stores = [TokenStore.open(store, verify="size") for store in recorded]
    for store, digest in zip(stores, recorded.values(), strict=True):
        if store.digest != digest:
            raise UserError(
                f"{store.directory} is not the store that the run began with "
                f"({store.digest[:12]}, not {digest[:12]}): its samples are others",
                ExitCode.UNUSABLE,
            )
    return open_stream(read_config(run), stores)


def _summary(store: TokenStore) -> Iterator[str]:
    extra = store.manifest["extra"]
    yield f"{store.directory}: digest {store.digest}"
    for name in ("tokenizer", "versions"):
        values = extra.get(name)
        for key, value in values.items() if isinstance(values, dict) else ():
            yield f"{name}.{key}: {value}"
    for split, sources in store.manifest["splits"].items():
        for source in sources:
            yield (
                f"{split}.{source['name']}: {source['num_documents']:,} documents, "
                f"{source['num_tokens']:,} tokens, {source['num_bytes']:,} bytes, "
                f"weight {source['weight']:.4g}"
            )


def _piece(
    stream: Stream, piece: SamplePiece, tokenizer: Tokenizer, characters: int
) -> Iterator[str]:
    last = piece.first_token + len(piece.tokens) - 1
    label = _label(stream.sources[piece.position], piece.document)
    yield (
        f"  {piece.source}: {label}, epoch {piece.epoch}, tokens {piece.first_token:,} to {last:,}"
    )
    yield _indented(tokenizer.decode(piece.tokens), characters)


def _text(store: TokenStore, tokens: np.ndarray) -> str:
    """Text of tokens; their ids where the store has no tokenizer, as the drawn epochs have none."""
    if not store.tokenizer_path.is_file():
        return " ".join(map(str, tokens.tolist()))
    return store.tokenizer.decode(tokens)


def _label(source: Source, number: int) -> str:
    name = source.document_id(number)
    return f"document {number}" if name is None else f"document {number} ({name})"


def _indented(text: str, characters: int) -> str:
    shown = text[:characters] if characters else text
    more = f" [{len(text) - len(shown):,} characters more]" if len(shown) < len(text) else ""
    return "\n".join(f"    {line}" for line in shown.splitlines() or [""]) + more
