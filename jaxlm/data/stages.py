"""Stages of the training data: which stores and which shares hold from which update on.

A stage begins where `data.stages` says so or where a store of `data.stores` joins. Its shares are
those of the latest entry of `data.stages`, else `data.weights`, else by size. A source whose name
several stores have gives its share to all of them, in proportion to their sizes. Sources keep their
positions and go on where they stood, so that a stage that is added changes no sample before it.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxlm.config import TrainConfig
from jaxlm.data.config import DataConfig
from jaxlm.data.manifest import content_digest
from jaxlm.data.mixture import WEIGHT_RESOLUTION, StagedMixture
from jaxlm.data.segmentation import make_redraw, sampling_identity
from jaxlm.data.store import TokenStore
from jaxlm.data.stream import Stream
from jaxlm.errors import ExitCode, UserError
from jaxlm.spelling import nearest

_AT_STEP = re.compile(r"\s*(\d+)\s*:(.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Shares and stores from one update to the next stage.

    Attributes:
      first_step: Updates made before it.
      num_stores: Stores in use: the first ones of the run.
      weights: Share of each source by name, 0 for one that is left out; empty means by size.
    """

    first_step: int
    num_stores: int
    weights: Mapping[str, float]


def open_stores(entries: Sequence[str]) -> tuple[TokenStore, ...]:
    """Opens and verifies the stores of `data.stores`.

    Raises:
      UserError: One is named twice (exit 64), is damaged, or was made with another tokenizer than
        the first (exit 77).
    """
    paths = [path for _, path in _joins(entries)]
    if len({path.resolve() for path in paths}) < len(paths):
        raise UserError(f"data.stores={','.join(entries)} names a store twice; take one out")
    stores = tuple(TokenStore.open(path) for path in paths)
    first = stores[0].fingerprint
    for store in stores[1:]:
        if (other := store.fingerprint) != first:
            raise UserError(
                f"data.stores: {stores[0].directory} was made by tokenizer {first[:12]}, but "
                f"{store.directory} by tokenizer {other[:12]}: the same ids would mean other text. "
                "Prepare the text again with the tokenizer of the first store",
                ExitCode.UNUSABLE,
            )
    return stores


def open_stream(
    config: TrainConfig,
    stores: Sequence[TokenStore],
    notify: Callable[[str], None] = lambda message: None,
) -> Stream:
    """Opens the training samples of a run.

    Args:
      config: The run.
      stores: From `open_stores`, or the one store that `tokenise` made.
      notify: Told a line when an epoch is drawn (`data.subword_alpha`).

    Raises:
      UserError: The stages do not fit the sources (exit 64), a source has no rows, or documents
        cannot be segmented anew (exit 77).
    """
    data, batch = config.data, config.batch
    stages = plan_stages(data, stores)
    first_samples = [stage.first_step * batch.size for stage in stages]
    weights = [source_weights(stage, stores, data.temperature) for stage in stages]
    digests = _digests(stages, stores, batch.size, sampling_identity(data))
    return Stream.mixed(
        [source for store in stores for source in store.split("train")],
        StagedMixture(first_samples, weights),
        list(zip(first_samples, digests, strict=True)),
        seq_len=batch.seq_len,
        seed=config.seed,
        packing=data.packing,
        redraw=make_redraw(data, stores, config.seed, notify),
    )


def plan_stages(data: DataConfig, stores: Sequence[TokenStore]) -> tuple[Stage, ...]:
    """Lists the stages of a run, the first from step 0.

    Raises:
      UserError: An entry cannot be read, or its sources are not those in use (exit 64).
    """
    changes = _changes(data, stores[0])
    joins = [step for step, _ in _joins(data.stores)] or [0]
    stages: list[Stage] = []
    weights: Mapping[str, float] = {}
    for step in sorted({0, *joins, *changes}):
        weights = changes.get(step, weights)
        num_stores = sum(join <= step for join in joins)
        _check_names(step, weights, stores[:num_stores])
        stages.append(Stage(first_step=step, num_stores=num_stores, weights=weights))
    if data.temperature != 1 and all(stage.weights for stage in stages):
        raise UserError(
            f"data.temperature={data.temperature} has no effect, as weights are given throughout; "
            "take out the temperature or the weights"
        )
    return tuple(stages)


def source_weights(
    stage: Stage, stores: Sequence[TokenStore], temperature: float = 1.0
) -> list[float]:
    """Weight of each source of all stores in a stage; 0 for those that are not in use.

    Where the stage has no weights of its own, sources are weighted by size ** (1 / temperature).

    Raises:
      UserError: The temperature is not a positive number (exit 64).

    Source: Raffel et al., "Exploring the Limits of Transfer Learning" (2020), section 3.5.2.
    """
    sizes = _sizes(stores[: stage.num_stores])
    totals: dict[str, float] = {}
    for name, size in sizes:
        totals[name] = totals.get(name, 0.0) + size
    shares = stage.weights or _tempered(totals, temperature)
    weights = [shares[name] * (size / totals[name]) if size else 0.0 for name, size in sizes]
    unused = sum(len(_sources(store)) for store in stores[stage.num_stores :])
    return weights + [0.0] * unused


def _tempered(sizes: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Sizes raised to 1 / temperature; relative to the largest where that alters them."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise UserError(f"data.temperature={temperature}, but it must be a positive number")
    if temperature == 1:
        return dict(sizes)
    logs = {name: math.log(size) for name, size in sizes.items() if size}
    largest = max(logs.values(), default=0.0)
    # By logarithms, as powers overflow at low temperatures. What underflows keeps the least share
    # that a mixture can give: a source of weight 0 would be left out without a word.
    least = 1 / WEIGHT_RESOLUTION
    return {name: max(math.exp((log - largest) / temperature), least) for name, log in logs.items()}


def _joins(entries: Sequence[str]) -> list[tuple[int, Path]]:
    """Step and path of each store; the first is there from the start, others join in order."""
    joins = []
    for entry in entries:
        found = _AT_STEP.fullmatch(entry)
        joins.append((int(found[1]), Path(found[2])) if found else (0, Path(entry)))
    steps = [step for step, _ in joins]
    if steps and (steps[0] != 0 or steps != sorted(steps)):
        raise UserError(
            f"data.stores={','.join(entries)}: stores join in the order of their steps, the first "
            "from the start; sort them"
        )
    return joins


def _changes(data: DataConfig, first_store: TokenStore) -> dict[int, Mapping[str, float]]:
    """The weights of `data.weights` and `data.stages`, by step."""
    entries = [_parse_stage(entry) for entry in data.stages]
    if any(step == 0 for step, _ in entries):
        raise UserError("data.stages begins at step 0; data.weights holds from the start")
    if data.weights:
        entries.insert(0, (0, _named(data, first_store)))
    changes = dict(entries)
    if len(changes) < len(entries):
        steps = ", ".join(str(step) for step, _ in entries)
        raise UserError(
            f"data.stages has two entries for one step (steps {steps}); keep one of them"
        )
    return changes


def _parse_stage(entry: str) -> tuple[int, Mapping[str, float]]:
    found = _AT_STEP.fullmatch(entry)
    if found is None:
        raise _bad_stage(entry)
    shares: dict[str, float] = {}
    for part in filter(None, map(str.strip, found[2].split(","))):
        name, _, number = part.rpartition("=")
        name = name.strip()
        try:
            share = float(number)
        except ValueError:
            raise _bad_stage(entry) from None
        if name in shares:
            raise UserError(f"data.stages: {entry!r} names {name!r} twice; keep one of its weights")
        shares[name] = share
    if any(not 0 <= share < float("inf") for share in shares.values()):
        raise _bad_stage(entry)
    if shares and not any(shares.values()):
        raise UserError(f"data.stages: {entry!r} leaves out every source; give one a weight")
    return int(found[1]), shares


def _bad_stage(entry: str) -> UserError:
    return UserError(
        f"data.stages: cannot read {entry!r}; write STEP:NAME=WEIGHT,NAME=WEIGHT with weights of 0 "
        r"or more, as in '5000:code=0.2,prose=0.8' (on the command line each comma is \,)"
    )


def _named(data: DataConfig, store: TokenStore) -> dict[str, float]:
    names = [source["name"] for source in _sources(store)]
    if len(names) != len(data.weights):
        raise UserError(
            f"data.weights has {len(data.weights)} values for {len(names)} sources "
            f"({', '.join(names)}); give one weight a source, or none"
        )
    return dict(zip(names, data.weights, strict=True))


def _check_names(step: int, weights: Mapping[str, float], stores: Sequence[TokenStore]) -> None:
    """Weights name exactly the sources in use, so that none is left out by an oversight."""
    known = dict.fromkeys(source["name"] for store in stores for source in _sources(store))
    if not weights or weights.keys() == known.keys():
        return
    for name in weights:
        if name not in known:
            meant = ", ".join(nearest(name, known))
            raise UserError(
                f"data.stages: there is no source {name!r} at step {step}; did you mean {meant}?"
            )
    missing = ", ".join(name for name in known if name not in weights)
    raise UserError(
        f"data.stages: from step {step} on there is no weight for {missing}; add an entry "
        f"'{step}:...' that names every source (0 leaves one out)"
    )


def _sizes(stores: Sequence[TokenStore]) -> list[tuple[str, float]]:
    """Name and size of each source: its weight in its store, scaled by the store's tokens."""
    scales = []
    for store in stores:
        num_tokens = sum(source["num_tokens"] for source in _sources(store))
        scales.append(max(num_tokens, 1) / sum(source["weight"] for source in _sources(store)))
    # Relative to the first store: alone, its weights are taken as they are.
    return [
        (source["name"], source["weight"] * (scale / scales[0]))
        for store, scale in zip(stores, scales, strict=True)
        for source in _sources(store)
    ]


def _digests(
    stages: Sequence[Stage],
    stores: Sequence[TokenStore],
    batch_size: int,
    sampling: Mapping[str, Any],
) -> list[str]:
    """Identity of the data of each stage, which holds those before it.

    The first store alone keeps its own, unless its documents are segmented anew.
    """
    digests = [stores[0].digest]
    if sampling:
        digests = [content_digest({"store": stores[0].digest, "sampling": dict(sampling)})]
    used = 1
    for number, stage in enumerate(stages):
        if number or stage.num_stores > 1:
            content = {
                "before": digests[-1],
                "first_sample": stage.first_step * batch_size,
                "weights": dict(stage.weights),
                "stores": [store.digest for store in stores[used : stage.num_stores]],
            }
            digests.append(content_digest(content))
        used = stage.num_stores
    return digests[-len(stages) :]


def _sources(store: TokenStore) -> list[dict[str, Any]]:
    return list(store.manifest["splits"]["train"])
