"""The benchmarks run, and count and cut correctly; how fast anything is, no test says."""

import dataclasses
import importlib
import importlib.util
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import jax
import pytest

from benchmarks import loop_overhead, shakespeare, startup, timing, workers
from benchmarks.jax_step import BareStep
from benchmarks.llama_36m import get_config
from benchmarks.timing import Window
from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.models.base import num_params
from jaxlm.optim.adamw import make_optimizer
from jaxlm.optim.config import OptimConfig
from jaxlm.parallel.mesh import ParallelConfig, make_mesh
from jaxlm.parallel.sharding import shardings
from jaxlm.parts import compiled_step
from jaxlm.step import init_state, state_axes
from tests.pico import PICO

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
NO_TORCH = "torch is not installed: the peer has an environment of its own"
HAS_TORCH = importlib.util.find_spec("torch") is not None
TINY = TrainConfig(
    name="tiny",
    model=dataclasses.replace(PICO, num_layers=1),
    num_steps=10,
    batch=BatchConfig(size=2, seq_len=16),
    optim=OptimConfig(warmup_steps=2),
)
# The 36 M Llama made small enough for a test.
SMALL = ["model.num_layers=1", "model.d_model=32", "model.d_ff=48", "model.num_heads=2"]
SMALL += ["model.num_kv_heads=2", "model.head_dim=16", "model.vocab_size=512", "batch.seq_len=32"]
SMALL += ["tokenizer.vocab_size=512", "tokenizer.training_bytes=100000"]


@pytest.fixture
def one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers see the machine's one CPU, not the eight simulated ones of the tests."""
    monkeypatch.setenv("XLA_FLAGS", "")


@pytest.fixture(scope="module")
def bare() -> BareStep:
    return BareStep(TINY, packed=True)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_every_benchmark_can_be_imported(path: Path) -> None:
    if path.stem == "torch_step" and not HAS_TORCH:
        pytest.skip(NO_TORCH)
    if path.stem == "datatrove_job":
        pytest.importorskip("datatrove", reason="the peer has an environment of its own")
    importlib.import_module(f"benchmarks.{path.stem}")


def test_the_recipe_has_the_stated_parameters() -> None:
    attention, mlp, norms = 4 * 512 * 512, 3 * 512 * 1536, 2 * 512
    assert num_params(get_config().model) == 16_384 * 512 + 8 * (attention + mlp + norms) + 512


def test_the_bare_step_is_the_program_that_training_runs(bare: BareStep) -> None:
    mesh = make_mesh(ParallelConfig(), jax.devices()[:1])
    model = TINY.model.build(bare.compute)
    optimizer = make_optimizer(TINY.optim, model.axes())
    with jax.set_mesh(mesh):
        abstract = jax.eval_shape(lambda: init_state(model, optimizer, TINY.seed))
        places = shardings(state_axes(model, abstract), abstract, mesh)
        placed = jax.tree.map(
            lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place),
            abstract,
            places,
        )
        trained: Any
        trained, _ = compiled_step(TINY, model, optimizer, mesh, placed)
    assert program(trained) == program(bare.compiled)


def program(compiled: Any) -> list[str]:
    """The computations of the optimised program, without the source lines that they came from."""
    text = re.sub(r", metadata=\{[^}]*\}", "", compiled.as_text())
    computations = [block for block in text.split("\n\n") if block.startswith(("%", "ENTRY"))]
    assert len(computations) > 1
    return computations


def test_the_bare_step_trains(bare: BareStep) -> None:
    before = int(bare.state.step)
    assert bare.run(2) > 0
    assert int(bare.state.step) == before + 3
    assert bare.facts()["num_parameters"] == num_params(TINY.model)
    assert abs(bare.first_loss - 4.9) < 1.0
    assert (bare.peak_bytes() or 0) > 3 * 4 * num_params(TINY.model)


class Fake:
    """A side whose steps take as long as it says."""

    def __init__(self, calls: list[str], name: str, step_seconds: float) -> None:
        self.pid, self.calls, self.name, self.step_seconds = os.getpid(), calls, name, step_seconds

    def window(self, num_steps: int) -> float:
        self.calls.append(f"{self.name}{num_steps}")
        return self.step_seconds


def test_sides_take_turns_in_turning_order() -> None:
    calls: list[str] = []
    sides = {"a": Fake(calls, "a", 1.0), "b": Fake(calls, "b", 1.5)}
    windows = timing.interleave(sides, num_windows=3, num_steps=4)
    assert calls == ["a4", "b4", "b4", "a4", "a4", "b4"]
    assert timing.ratios(windows["b"], windows["a"]) == [1.5] * 3


def test_a_turn_is_quiet_if_every_side_was() -> None:
    ours = [Window(1.0, 0.0), Window(2.0, 0.0), Window(3.0, None)]
    theirs = [Window(1.0, 0.1), Window(1.0, 0.2), Window(1.0, 0.0)]
    quiet = timing.quiet_pairs(ours, theirs)
    assert quiet == [0]
    assert timing.median_of(timing.ratios(ours, theirs), quiet) == 1.0
    assert timing.median_of([5.0], []) is None


def test_load_is_what_the_machine_did_beyond_our_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, machine, own = iter([10.0, 14.0]), iter([100.0, 107.0]), iter([1.0, 2.0, 3.0, 5.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(timing, "_machine_seconds", lambda: next(machine))
    monkeypatch.setattr(timing, "_process_seconds", lambda pid: next(own))
    # 7 s of the machine less 5 s of the two processes, in 4 s.
    assert timing.Load([1, 2]).other_cores() == pytest.approx(0.5)


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux tells the machine's load")
def test_cpu_seconds_are_those_of_the_process() -> None:
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert timing._process_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=5 * tick)
    assert timing._machine_seconds() > timing._process_seconds(os.getpid())


def test_a_start_is_cut_at_its_events() -> None:
    events = [
        {"event": "prepare", "time": 1003.0, "seconds": 1.0},
        {"event": "compile", "time": 1009.0, "seconds": 4.0},
        {"event": "evaluation", "time": 1012.5, "seconds": 3.0},
    ]
    parts = startup.parts(began=1000.0, total=14.0, events=events)
    assert list(parts.values()) == [2.0, 1.0, 2.0, 4.0, 0.5, 3.0, 1.5, 14.0]


def worker(program: str, **options: Any) -> workers.StepWorker:
    return workers.StepWorker([sys.executable, "-c", program], **options)


ECHO = """
import json
print("a line that is no answer")
print(json.dumps({"version": "1"}), flush=True)
while True:
    print(json.dumps({"step_seconds": 2 * int(input()), "peak_bytes": 7}), flush=True)
"""


def test_a_worker_answers_each_window() -> None:
    with worker(ECHO) as echo:
        assert echo.facts == {"version": "1"}
        assert echo.window(3) == 6.0
        assert echo.peak_bytes == 7


@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        ('print(\'{"error": "out of memory"}\')', workers.OutOfMemoryError, "out of memory"),
        ("raise SystemExit('its last words')", workers.WorkerError, "its last words"),
    ],
)
def test_a_worker_that_fails_says_why(program: str, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        worker(program)


def test_a_worker_does_not_outlive_its_time() -> None:
    with pytest.raises(workers.WorkerError, match="its time was over"):
        worker("input()", limit_seconds=0.2)


@pytest.mark.slow
@pytest.mark.usefixtures("one_device")
def test_the_loop_and_its_bare_step_take_turns(tmp_path: Path) -> None:
    settings = [*SMALL, f"data.store_dir={tmp_path}"]
    windows = loop_overhead.measure(settings, num_windows=1, num_steps=1)
    assert loop_overhead.report(windows).startswith("| window |")
    assert all(window.step_seconds > 0 for side in windows.values() for window in side)


@pytest.mark.slow
@pytest.mark.usefixtures("one_device")
def test_the_parts_of_a_start_add_up(tmp_path: Path) -> None:
    parts = startup.cold_start([workers.RECIPE, *SMALL, f"data.store_dir={tmp_path}"])
    total = parts.pop(startup.TOTAL)
    assert sum(parts.values()) == pytest.approx(total)
    assert min(parts.values()) >= 0


@pytest.mark.slow
@pytest.mark.usefixtures("one_device")
def test_shakespeare_reports_the_last_validation_loss(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("To be, or not to be, that is the question.\n" * 500)
    changes = ["num_steps=2", "optim.warmup_steps=1", "sampling.prompts="]
    result = shakespeare.train(text, 3, changes)
    assert result.seed == 3
    assert 0 < result.validation_loss < 10
    assert "| mean |" in shakespeare.report([result])


@pytest.mark.skipif(not HAS_TORCH, reason=NO_TORCH)
def test_the_peer_has_as_many_parameters() -> None:
    from benchmarks.torch_step import PeerStep
    from jaxlm.config.serialise import to_json

    peer = PeerStep(to_json(TINY), "none")
    assert peer.facts()["num_parameters"] == num_params(TINY.model)
    assert peer.run(1) > 0
