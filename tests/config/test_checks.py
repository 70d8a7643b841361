"""Ranges and combinations: each check refuses what is wrong, and only that."""

from pathlib import Path

import pytest

from jaxlm.config import TrainConfig
from jaxlm.config.checks import RANGES, type_problems, validate
from jaxlm.config.fields import implementations, leaves, put
from jaxlm.config.recipes import run_recipe
from jaxlm.config.training import TRAIN
from jaxlm.layers.positions import Llama3RopeScaling
from jaxlm.tokenizers.config import TokenizerConfig

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    return run_recipe(ROOT / "configs" / "quickstart.py", TRAIN)


def broken(config: TrainConfig, num_devices: int | None = None, **values: object) -> list[set[str]]:
    """The settings of each problem after some changes; double underscores stand for dots."""
    for name, value in values.items():
        config = put(config, name.replace("__", "."), value)
    assert not type_problems(config)
    problems = validate(config, num_devices)
    return [{given.path for given in problem.settings} for problem in problems]


def test_a_good_configuration_has_no_problem(config: TrainConfig) -> None:
    for num_devices in (None, 1, 2, 4, 8):
        assert broken(config, num_devices) == []


OUT_OF_RANGE = {
    "name": ["", "a/b", ".hidden"],
    "num_steps": [0, -1],
    "seed": [-1, 2**32],
    "batch.size": [0, -8],
    "batch.seq_len": [0],
    "batch.accumulation": [0, -1],
    "objective.z_loss_weight": [-1e-4],
    "objective.max_logits_bytes": [0],
    "tokenizer.vocab_size": [0],
    "tokenizer.training_bytes": [0],
    "tokenizer.min_frequency": [0],
    "data.path": [(), ("",)],
    "data.weights": [(-1.0, 2.0), (0.0, 0.0)],
    "data.stores": [("",)],
    "data.temperature": [0.0, -1.0],
    "data.subword_alpha": [-0.1],
    "data.subword_nbest": [0, -2],
    "data.text_field": [""],
    "data.validation_fraction": [0.0, 1.0, -0.1],
    "data.max_bad_documents": [-1],
    "data.store_dir": [""],
    "optim.peak_lr": [0.0, -1.0],
    "optim.warmup_steps": [-1],
    "optim.final_lr_ratio": [-0.1, 1.1],
    "optim.beta1": [1.0, -0.1],
    "optim.beta2": [1.0, 2.0],
    "optim.eps": [0.0],
    "optim.weight_decay": [-0.1],
    "optim.clip_norm": [-1.0],
    "parallel.data": [0, -2],
    "parallel.fsdp": [0, -2],
    "checkpoint.every_steps": [0],
    "checkpoint.keep": [1, 0],
    "checkpoint.keep_every_steps": [-1],
    "evaluation.every_steps": [-1],
    "evaluation.max_batches": [-1],
    "sampling.max_new_tokens": [0],
    "sampling.temperature": [-0.5],
    "monitor.log_every_steps": [0],
    "model.d_model": [0],
    "model.num_kv_heads": [0, -2],
    "model.head_dim": [0],
    "model.vocab_size": [0],
    "model.max_seq_len": [-1],
    "model.norm_eps": [0.0],
    "model.rope_theta": [0.0],
}


def kinds(config: TrainConfig) -> list[TrainConfig]:
    """The configuration with each kind of tokenizer, its own first."""
    others = [kind() for kind in implementations(TokenizerConfig)]
    return [config, *(put(config, "tokenizer", other) for other in others)]


@pytest.mark.parametrize("path", OUT_OF_RANGE)
def test_a_value_out_of_range_is_the_one_problem(config: TrainConfig, path: str) -> None:
    config = next(c for c in kinds(config) if path in {s.path for s in leaves(c)})
    for value in OUT_OF_RANGE[path]:
        assert broken(config, 4, **{path.replace(".", "__"): value}) == [{path}]


def test_every_number_has_a_range(config: TrainConfig) -> None:
    found = [setting for kind in kinds(config) for setting in leaves(kind)]
    numbers = {s.path for s in found if s.type in (int, float)}
    unchecked = {p for p in numbers - RANGES.keys() if not p.startswith("model.")}
    assert not unchecked
    assert RANGES.keys() <= OUT_OF_RANGE.keys()
    assert RANGES.keys() <= {s.path for s in found}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"model__num_kv_heads": 4}, {"model.num_kv_heads", "model.num_heads"}),
        ({"model__head_dim": 33}, {"model.head_dim"}),
        ({"batch__seq_len": 257}, {"batch.seq_len", "model.max_seq_len"}),
        ({"tokenizer__vocab_size": 4097}, {"tokenizer.vocab_size", "model.vocab_size"}),
        ({"tokenizer__vocab_size": 256}, {"tokenizer.vocab_size"}),
        ({"optim__warmup_steps": 100_000}, {"optim.warmup_steps", "num_steps"}),
        ({"batch__accumulation": 3}, {"batch.size", "batch.accumulation"}),
        ({"data__weights": (1.0,)}, {"data.weights", "data.path"}),
        ({"parallel__fsdp": -1}, {"parallel.data", "parallel.fsdp"}),
        (
            {"checkpoint__keep_every_steps": 150},
            {"checkpoint.keep_every_steps", "checkpoint.every_steps"},
        ),
        (
            {"model__rope_scaling": Llama3RopeScaling(low_freq_factor=4.0)},
            {"model.rope_scaling.low_freq_factor", "model.rope_scaling.high_freq_factor"},
        ),
    ],
)
def test_an_impossible_combination_names_both_settings(
    config: TrainConfig, values: dict[str, object], expected: set[str]
) -> None:
    assert broken(config, **values) == [expected]


@pytest.mark.parametrize(
    "values",
    [
        {"batch__seq_len": 256},
        {"optim__warmup_steps": 500},
        {"tokenizer__vocab_size": 4097, "tokenizer__path": "my.model"},
        {"data__weights": (0.7, 0.3)},
        {"data__path": ("a.txt", "b=c/*.txt"), "data__weights": (1.0, 3.0)},
        {"model__num_kv_heads": 6},
        {"model__rope_scaling": Llama3RopeScaling()},
        {"checkpoint__keep_every_steps": 200},
        {"optim__clip_norm": 0.0},
    ],
)
def test_a_possible_combination_is_left_alone(
    config: TrainConfig, values: dict[str, object]
) -> None:
    assert broken(config, **values) == []


@pytest.mark.parametrize(
    ("data", "fsdp", "num_devices", "size", "accumulation", "is_possible"),
    [
        (-1, 1, 8, 16, 1, True),
        (-1, 1, 8, 16, 2, True),
        (-1, 1, 8, 16, 4, False),
        (-1, 4, 8, 16, 1, True),
        (-1, 3, 8, 24, 1, False),
        (2, 4, 8, 16, 1, True),
        (2, 2, 8, 16, 1, False),
        (1, -1, 6, 16, 1, False),
        (2, 4, None, 12, 1, False),
        (-1, 4, None, 12, 1, True),
    ],
)
def test_batch_against_devices(
    config: TrainConfig,
    data: int,
    fsdp: int,
    num_devices: int | None,
    size: int,
    accumulation: int,
    is_possible: bool,
) -> None:
    problems = broken(
        config,
        num_devices,
        parallel__data=data,
        parallel__fsdp=fsdp,
        batch__size=size,
        batch__accumulation=accumulation,
    )
    assert (problems == []) is is_possible


def test_the_message_gives_sizes_that_fit(config: TrainConfig) -> None:
    (problem,) = validate(put(config, "batch.size", 20), 8)
    assert "16 or 24 would fit" in problem.expected
    assert ("devices", "8") in [(given.path, given.value) for given in problem.settings]
