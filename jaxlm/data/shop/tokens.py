"""The token store of a clean corpus."""

import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from jaxlm.data.config import DataConfig
from jaxlm.data.readers import Document, ListedFile
from jaxlm.data.shop.pipeline import Prepared
from jaxlm.data.shop.stage import Stage
from jaxlm.data.sources import TextSource
from jaxlm.data.tokenise import StoreOrder, make_store

# A tokenizer from a file has as many ids as it has.
_ANY = 1 << 32

Notify = Callable[[str], None]
Progress = Callable[[str, int, int], None]


def make_tokens(
    prepared: Prepared, out_dir: Path, notify: Notify, progress: Progress
) -> Path | None:
    """Trains the tokenizer and writes the store, unless it is there; none where none is wanted.

    Raises:
      UserError: No source has enough text left.
    """
    config = prepared.config
    if not config.tokens.make:
        return None
    sources, weights = clean_sources(prepared), config.tokens.weights
    has_text = [source.num_bytes > 0 for source in sources]
    for source in itertools.compress(sources, [not has for has in has_text]):
        notify(f"source {source.name}: no text is left, so the token store is without it")
    sources = tuple(itertools.compress(sources, has_text))
    data = DataConfig(
        path=tuple(f"source {source.name}" for source in sources),  # no file and no `stdlib`
        weights=tuple(itertools.compress(weights, has_text)),
        validation_fraction=config.tokens.validation_fraction,
        store_dir=str(out_dir / "store"),
    )
    order = StoreOrder(
        name=config.name,
        sources=sources,
        data=data,
        tokenizer=config.tokenizer,
        max_pieces=_ANY if config.tokenizer.path else config.tokenizer.vocab_size,
    )
    return make_store(order, notify, progress).directory


def clean_sources(prepared: Prepared) -> tuple[TextSource, ...]:
    """The sources of the corpus, in the order of the configuration."""
    return tuple(
        _source(prepared, number, source.name)
        for number, source in enumerate(prepared.config.sources)
    )


def _source(prepared: Prepared, number: int, name: str) -> TextSource:
    stage = prepared.clean
    parts = tuple(part for part, unit in enumerate(prepared.units) if unit.source == number)
    sizes = [stage.record(part)["bytes"] for part in parts]
    files = tuple(
        ListedFile(location=stage.path(part), id=stage.keys[part], size=size, version=stage.digest)
        for part, size in zip(parts, sizes, strict=True)
    )
    return TextSource(
        name=name,
        entry=name,
        listing=tuple(f"{file.version} {file.id}" for file in files),
        files=files,
        num_bytes=sum(sizes),
        read=functools.partial(_read, stage, parts, name),
    )


def _read(stage: Stage, parts: tuple[int, ...], source: str) -> Iterator[Document]:
    for part in parts:
        for table in stage.batches(part, ["id", "text"]):
            for name, text in zip(*(table[c].to_pylist() for c in ("id", "text")), strict=True):
                yield Document(id=name, text=text, source=source)
