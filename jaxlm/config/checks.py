"""What a configuration must satisfy: types, ranges, and combinations that span sections."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jaxlm.config.fields import get, leaves
from jaxlm.config.problems import Given, Problem
from jaxlm.config.schema import TrainConfig
from jaxlm.config.values import choices, expected, fits, to_text
from jaxlm.parallel.mesh import MESH_AXES
from jaxlm.spelling import nearest

Check = tuple[Callable[[Any], bool], str]

POSITIVE: Check = (lambda value: value > 0, "greater than 0")
NOT_NEGATIVE: Check = (lambda value: value >= 0, "0 or more")
AT_LEAST_TWO: Check = (lambda value: value >= 2, "at least 2")
DECAY: Check = (lambda value: 0 <= value < 1, "at least 0 and below 1")
SHARE: Check = (lambda value: 0 <= value <= 1, "from 0 to 1")
FRACTION: Check = (lambda value: 0 < value < 1, "between 0 and 1, both excluded")
NOT_EMPTY: Check = (lambda value: len(value) > 0, "not empty")
NO_PATH: Check = (
    lambda value: bool(value) and not set(value) & set('/\\:*?"<>|\n\0') and value[0] != ".",
    "a name that can be part of a file name",
)
MESH_SIZE: Check = (lambda value: value >= 1 or value == -1, "at least 1, or -1 for the rest")

RANGES: dict[str, Check] = {
    "name": NO_PATH,
    "num_steps": POSITIVE,
    "seed": (lambda value: 0 <= value < 2**32, "from 0 to 4294967295"),
    "batch.size": POSITIVE,
    "batch.seq_len": POSITIVE,
    "batch.accumulation": POSITIVE,
    "objective.z_loss_weight": NOT_NEGATIVE,
    "objective.max_logits_bytes": POSITIVE,
    "tokenizer.vocab_size": POSITIVE,
    "tokenizer.training_bytes": POSITIVE,
    "tokenizer.min_frequency": POSITIVE,
    "data.path": (
        lambda value: bool(value) and all(value),
        "one source or more, none of them empty",
    ),
    "data.weights": (
        lambda value: not value or (min(value) > 0 and max(value) < float("inf")),
        "a positive number for each source; leave out a source that is not wanted",
    ),
    "data.stores": (all, "paths of token stores, none of them empty"),
    "data.temperature": POSITIVE,
    "data.subword_alpha": NOT_NEGATIVE,
    "data.subword_nbest": (lambda value: value >= 1 or value == -1, "at least 1, or -1 for all"),
    "data.text_field": NOT_EMPTY,
    "data.validation_fraction": FRACTION,
    "data.max_bad_documents": NOT_NEGATIVE,
    "data.store_dir": NOT_EMPTY,
    "optim.peak_lr": POSITIVE,
    "optim.warmup_steps": NOT_NEGATIVE,
    "optim.final_lr_ratio": SHARE,
    "optim.beta1": DECAY,
    "optim.beta2": DECAY,
    "optim.eps": POSITIVE,
    "optim.weight_decay": NOT_NEGATIVE,
    "optim.clip_norm": NOT_NEGATIVE,
    "parallel.data": MESH_SIZE,
    "parallel.fsdp": MESH_SIZE,
    "checkpoint.every_steps": POSITIVE,
    "checkpoint.keep": AT_LEAST_TWO,
    "checkpoint.keep_every_steps": NOT_NEGATIVE,
    "evaluation.every_steps": NOT_NEGATIVE,
    "evaluation.max_batches": NOT_NEGATIVE,
    "sampling.max_new_tokens": POSITIVE,
    "sampling.temperature": NOT_NEGATIVE,
    "monitor.log_every_steps": POSITIVE,
}
"""The range of each setting outside `model`, whose numbers are all sizes and so positive."""


def type_problems(config: Any) -> list[Problem]:
    """The settings whose value is not of the declared type or not among the choices."""
    problems = []
    for setting in leaves(config):
        value = get(config, setting.path)
        if not fits(value, setting.type):
            problems.append(wrong_value(setting.path, to_text(value), setting.type))
    return problems


def wrong_value(path: str, text: str, annotation: Any, origin: str = "") -> Problem:
    """The problem of a value that does not fit its annotation, with the nearest choice."""
    given = Given(path=path, value=text or "(empty)", origin=origin)
    return Problem(
        what="unknown choice" if choices(annotation) else "wrong type",
        settings=(given,),
        expected=expected(annotation),
        nearest=nearest(text, choices(annotation), limit=1),
    )


def validate(config: TrainConfig, num_devices: int | None) -> list[Problem]:
    """Checks ranges and combinations of a configuration whose types are right.

    Args:
      config: The configuration.
      num_devices: Devices of the whole run; none skips what depends on them.

    Returns:
      Every problem found, without origins; empty when all is well.
    """
    ranges = list(_range_problems(config))
    impossible = {given.path for problem in ranges for given in problem.settings}
    combinations = [*_model_problems(config), *_length_problems(config)]
    combinations += [*_data_problems(config), *_batch_problems(config, num_devices)]
    return ranges + [
        problem
        for problem in combinations
        # A value out of its range is reported once, not again through what follows from it.
        if not impossible & {given.path for given in problem.settings}
    ]


def _range_problems(config: TrainConfig) -> Iterator[Problem]:
    for setting in leaves(config):
        value = get(config, setting.path)
        check = RANGES.get(setting.path)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if check is None and setting.path.startswith("model.") and is_number:
            check = POSITIVE
        if check is not None and not check[0](value):
            yield _problem(config, (setting.path,), check[1], what="out of range")


def _model_problems(config: TrainConfig) -> Iterator[Problem]:
    """Combinations inside the model, for the architectures that have the settings concerned."""
    heads, kv_heads = get(config, "model.num_heads"), get(config, "model.num_kv_heads")
    if heads and kv_heads and heads % kv_heads:
        paths = ("model.num_kv_heads", "model.num_heads")
        yield _problem(config, paths, "num_kv_heads divides num_heads")
    head_dim = get(config, "model.head_dim")
    if get(config, "model.rope_theta") and head_dim and head_dim % 2:
        text = "an even width, since rotary embedding turns pairs"
        yield _problem(config, ("model.head_dim",), text)
    factors = ("model.rope_scaling.low_freq_factor", "model.rope_scaling.high_freq_factor")
    low, high = (get(config, path) for path in factors)
    if low is not None and high is not None and low >= high:
        yield _problem(config, factors, "low_freq_factor below high_freq_factor")


def _length_problems(config: TrainConfig) -> Iterator[Problem]:
    max_seq_len, vocab_size = get(config, "model.max_seq_len"), get(config, "model.vocab_size")
    if max_seq_len and config.batch.seq_len > max_seq_len:
        paths = ("batch.seq_len", "model.max_seq_len")
        yield _problem(config, paths, "rows no longer than the model's max_seq_len")
    learns = not config.tokenizer.path
    if learns and vocab_size and config.tokenizer.vocab_size > vocab_size:
        paths = ("tokenizer.vocab_size", "model.vocab_size")
        yield _problem(config, paths, "no more tokenizer pieces than rows of the embedding")
    if config.optim.warmup_steps > config.num_steps:
        paths = ("optim.warmup_steps", "num_steps")
        yield _problem(config, paths, "no more steps of warmup than steps in all")


def _data_problems(config: TrainConfig) -> Iterator[Problem]:
    data, tokenizer, checkpoint = config.data, config.tokenizer, config.checkpoint
    least = tokenizer.least_size()
    if not tokenizer.path and tokenizer.vocab_size < least:
        text = f"at least {least}: {type(tokenizer).__name__} spells text by its 256 bytes"
        yield _problem(config, ("tokenizer.vocab_size",), text)
    every = checkpoint.every_steps
    if every > 0 and checkpoint.keep_every_steps % every:
        paths = ("checkpoint.keep_every_steps", "checkpoint.every_steps")
        yield _problem(config, paths, "keep_every_steps a multiple of every_steps")
    # `stdlib` is two sources: code and docstrings.
    sources = sum(2 if path == "stdlib" else 1 for path in data.path)
    if data.weights and not data.stores and len(data.weights) != sources:
        text = f"{sources} weights, one for each source, or none"
        yield _problem(config, ("data.weights", "data.path"), text)


def _batch_problems(config: TrainConfig, num_devices: int | None) -> Iterator[Problem]:
    """Microbatches must be whole, a mesh must use every device, shards must get whole rows."""
    size, accumulation = config.batch.size, config.batch.accumulation
    if size <= 0 or accumulation <= 0:  # out of range, and reported as that
        return
    if size % accumulation:
        yield _problem(config, ("batch.size", "batch.accumulation"), "accumulation divides size")
    mesh: tuple[str, ...] = tuple(f"parallel.{axis}" for axis in MESH_AXES)
    sizes = [get(config, path) for path in mesh]
    if sizes.count(-1) > 1:
        yield _problem(config, mesh, "at most one axis that takes the rest (-1)")
        return
    fixed = math.prod(axis_size for axis_size in sizes if axis_size > 0)
    is_open = -1 in sizes
    devices = [] if num_devices is None else [Given(path="devices", value=str(num_devices))]
    if num_devices is not None and (num_devices % fixed if is_open else num_devices != fixed):
        rule = "divides the number of devices" if is_open else "is the number of devices"
        yield _problem(config, mesh, f"a mesh whose size ({fixed}) {rule}", devices)
        return
    shards = num_devices if is_open and num_devices is not None else fixed
    if size % accumulation == 0 and (size // accumulation) % shards:
        paths = ("batch.size", "batch.accumulation", *mesh)
        yield _problem(config, paths, _whole_rows(size // accumulation, shards), devices)


def _whole_rows(rows: int, shards: int) -> str:
    below = rows // shards * shards
    fitting = f"{below} or {below + shards}" if below else str(shards)
    return (
        f"size / accumulation ({rows} rows) in equal parts on {shards} devices; {fitting} would fit"
    )


def _problem(
    config: TrainConfig,
    paths: Iterable[str],
    text: str,
    more: Iterable[Given] = (),
    what: str = "impossible combination",
) -> Problem:
    given = [Given(path=path, value=to_text(get(config, path))) for path in paths]
    return Problem(what=what, settings=(*given, *more), expected=text)
