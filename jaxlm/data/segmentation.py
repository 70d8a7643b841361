"""Documents segmented anew in each epoch: subword regularisation and BPE-dropout while training.

The segmentation of a document is a pure function of (text, seed, source, epoch, document). As its
length decides how rows are packed, an epoch of a source is drawn as a whole when its first sample
is asked for, and written as a token store of its own, whose name holds a digest of all that decides
it. So a document is segmented once an epoch, reading is as fast as ever, and a resumed run or
another host finds the epochs that are there, or draws the same ones again. Beside each store a
small file keeps how many rows it makes, so that later epochs are found without opening it.

Cost: each epoch reads and encodes the text once more, and takes the disk space of its tokens.

Source: Kudo, "Subword Regularization" (2018), section 3; Provilkov et al., "BPE-Dropout" (2020),
section 3.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from jaxlm.data.config import DataConfig
from jaxlm.data.manifest import content_digest
from jaxlm.data.permutation import fold
from jaxlm.data.staging import remove_abandoned, staged_directory
from jaxlm.data.store import Source, SourceWriter, StoreWriter, TokenStore
from jaxlm.data.tables import Redraw
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import SubwordSampling, Tokenizer

_VERSION = 1
_SPLIT = "train"
_BATCH_TOKENS = 1 << 20
# Keys of documents are not those of the order of rows, which are of the same seed and epoch.
_PURPOSE = 0x5E6


def make_redraw(
    data: DataConfig,
    stores: Sequence[TokenStore],
    seed: int,
    notify: Callable[[str], None] = lambda message: None,
) -> Redraw | None:
    """What draws the epochs of a run's sources; none where documents keep one segmentation.

    Args:
      data: The settings; epochs are kept below `data.store_dir`.
      stores: The stores of the run; the sources are all theirs, in order.
      seed: Seed of the run.
      notify: Told a line when an epoch is drawn, as that takes as long as encoding its text.

    Raises:
      UserError: The text cannot be had back exactly from the tokens (exit 77).
    """
    if data.subword_alpha == 0:
        return None
    tokenizer = stores[0].tokenizer
    if not tokenizer.keeps_known_text():
        raise UserError(
            f"data.subword_alpha={data.subword_alpha} needs the text, but the tokenizer of "
            f"{stores[0].directory} does not keep all of it; train one that does "
            "(tokenizer.byte_fallback=true), or set data.subword_alpha=0",
            ExitCode.UNUSABLE,
        )
    return _Epochs(
        sources=tuple((store, nth) for store in stores for nth in range(_num_sources(store))),
        tokenizer=tokenizer,
        sampling=_sampling(data),
        seed=seed,
        folder=Path(data.store_dir),
        notify=notify,
    )


def sampling_identity(data: DataConfig) -> dict[str, Any]:
    """What decides the samples of a run beside its stores; nothing without sampling."""
    if data.subword_alpha == 0:
        return {}
    return {**asdict(_sampling(data)), **_versions()}


@dataclass(frozen=True, kw_only=True)
class _Epochs:
    """Draws the epochs of a run's sources; see `Redraw`.

    Attributes:
      sources: Store of each source, and the source's number in it.
      tokenizer: The tokenizer that made them.
      sampling: How to draw.
      seed: Seed of the run.
      folder: Where epochs are kept.
      notify: Told a line when an epoch is drawn.
    """

    sources: tuple[tuple[TokenStore, int], ...]
    tokenizer: Tokenizer
    sampling: SubwordSampling
    seed: int
    folder: Path
    notify: Callable[[str], None]

    def __call__(self, position: int, epoch: int) -> Source:
        """Documents of the source at a position in an epoch, drawn if they are not there yet."""
        target = self._target(position, epoch)
        if not target.exists():
            store, nth = self.sources[position]
            source = store.split(_SPLIT)[nth]
            self.notify(f"data: drawing epoch {epoch} of {source.name}")
            key, content = self._key(position, epoch), self._content(position, epoch)
            draw_epoch(source, self.tokenizer, self.sampling, key, content, target)
        return TokenStore.open(target).split(_SPLIT)[0]

    def record(self, position: int, epoch: int) -> Path:
        """The file beside the epoch's store that keeps its counts."""
        target = self._target(position, epoch)
        return target.with_name(f"{target.name}.rows.json")

    def _target(self, position: int, epoch: int) -> Path:
        digest = content_digest(self._content(position, epoch))
        return self.folder / f"segmentation-{digest[:12]}"

    def _content(self, position: int, epoch: int) -> dict[str, Any]:
        """All that decides the documents."""
        store, nth = self.sources[position]
        return {
            **_versions(),
            "key": int(self._key(position, epoch)[0]),
            "sampling": asdict(self.sampling),
            "tokenizer": self.tokenizer.fingerprint,
            "store": store.digest,
            "source": nth,
        }

    def _key(self, position: int, epoch: int) -> np.ndarray:
        """[1] uint64; with a document's number it decides its segmentation."""
        return fold(fold(fold(self.seed, _PURPOSE), position), epoch)


def draw_epoch(
    source: Source,
    tokenizer: Tokenizer,
    sampling: SubwordSampling,
    key: np.ndarray,
    content: dict[str, Any],
    target: Path,
) -> None:
    """Segments every document of a source and keeps the result as a token store.

    Args:
      source: The documents.
      tokenizer: The tokenizer that made them.
      sampling: How to draw.
      key: [1] uint64; with a document's number it decides its segmentation.
      content: JSON values that say what decided the result.
      target: Directory of the store to make.

    Raises:
      UserError: A document holds tokens that stand for no text, or the disk is full.
    """
    remove_abandoned(target.parent)
    with staged_directory(target) as directory:
        writer = StoreWriter(directory, source.tokens.dtype)
        drawn = writer.add_source(_SPLIT, source.name, source.weight)
        _draw(drawn, source, tokenizer, sampling, key)
        writer.finish(
            {"tokenizer": {"fingerprint": tokenizer.fingerprint}, "segmentation": content}
        )


def _sampling(data: DataConfig) -> SubwordSampling:
    return SubwordSampling(alpha=data.subword_alpha, nbest=data.subword_nbest)


def _versions() -> dict[str, Any]:
    """What draws: this module and the libraries, none of which promises the same draws for ever."""
    libraries = {name: version(name) for name in ("sentencepiece", "tokenizers")}
    return {"version": _VERSION, "libraries": libraries}


def _num_sources(store: TokenStore) -> int:
    return len(store.manifest["splits"][_SPLIT])


def _draw(
    writer: SourceWriter,
    source: Source,
    tokenizer: Tokenizer,
    sampling: SubwordSampling,
    key: np.ndarray,
) -> None:
    for first, texts in _texts(source, tokenizer):
        seeds = fold(key, np.arange(first, first + len(texts))) >> np.uint64(1)
        documents = [
            np.concatenate([[tokenizer.bos_id], ids, [tokenizer.eos_id]])
            for ids in tokenizer.sample_batch(texts, seeds.tolist(), sampling)
        ]
        writer.append(documents, [len(text.encode()) for text in texts])


def _texts(source: Source, tokenizer: Tokenizer) -> Iterator[tuple[int, list[str]]]:
    """Texts of the documents in batches of about a million tokens, with each batch's first number.

    A document is cut off at its begin and end marks; other tokens without text are refused.
    """
    silent = np.array([*tokenizer.special_tokens.values(), tokenizer.unknown_id])
    offsets = np.asarray(source.offsets)
    starts = np.unique(np.searchsorted(offsets, np.arange(0, offsets[-1], _BATCH_TOKENS)))
    for first, end in pairwise([*starts.tolist(), len(offsets) - 1]):
        texts = []
        for number in range(first, end):
            ids = source.document(number)
            if len(ids) < 2 or ids[0] != tokenizer.bos_id or ids[-1] != tokenizer.eos_id:
                raise _not_text(source, number, "has no begin and end mark")
            if np.isin(ids[1:-1], silent).any():
                raise _not_text(source, number, "holds tokens that stand for no text")
            texts.append(tokenizer.decode(ids[1:-1]))
        yield first, texts


def _not_text(source: Source, number: int, why: str) -> UserError:
    return UserError(
        f"data.subword_alpha: document {number} of source {source.name!r} {why}, so it cannot be "
        "segmented anew; set data.subword_alpha=0",
        ExitCode.UNUSABLE,
    )
