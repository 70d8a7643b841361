import json
import shutil
import threading
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxlm.checkpoint import arrays, writer
from jaxlm.checkpoint.commit import prepare_directory
from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.checkpoint.fallback import newest_good
from jaxlm.checkpoint.restore import read_metadata, restore
from jaxlm.checkpoint.steps import list_steps
from jaxlm.checkpoint.writer import Writer
from jaxlm.errors import ExitCode, UserError


class Moments(NamedTuple):
    mean: dict
    empty: tuple


@pytest.fixture
def make_writer(tmp_path):
    writers = []

    def make(**settings):
        prepare_directory(tmp_path)
        writers.append(Writer(tmp_path, CheckpointConfig(**settings)))
        return writers[-1]

    yield make
    for made in writers:
        made.close()


def make_state(seed=0):
    rng = np.random.default_rng(seed)
    bits = jnp.asarray(rng.integers(0, 1 << 32, (64, 8), dtype=np.uint32))
    params = {
        "wq": jax.lax.bitcast_convert_type(bits, jnp.float32),  # NaNs and subnormals among them
        "scale": jnp.asarray(rng.normal(size=(8,)), jnp.bfloat16),
        "fp8": jnp.asarray(rng.normal(size=(8, 2)), jnp.float8_e4m3fn),
        "none": jnp.zeros((0, 3)),
    }
    moments = Moments(mean={"a/b.c": jnp.asarray(rng.normal(size=(3, 5)))}, empty=())
    return {
        "step": jnp.int32(seed),
        "params": params,
        "opt_state": (moments, None),
        "buffers": {"flag": jnp.asarray([True, False]), "count": np.int64(2**40 + seed)},
    }


def abstract(state, sharding=None):
    def describe(leaf):
        own = getattr(leaf, "sharding", None)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=own and (sharding or own))

    return jax.tree.map(describe, state)


def assert_bit_equal(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype == other.dtype and one.shape == other.shape
        assert one.tobytes() == other.tobytes()


def restore_newest(directory, like, **options):
    return restore(newest_good(directory, pytest.fail), abstract(like), **options)


def test_what_is_restored_is_bit_equal(tmp_path, make_writer, capfd):
    saver = make_writer()
    state = make_state(3)
    saver.save(3, state, {"config_digest": "abc", "versions": {"jax": jax.__version__}})
    saver.wait()
    info = newest_good(tmp_path, pytest.fail)
    assert_bit_equal(restore(info, abstract(state)), state)
    metadata = {"config_digest": "abc", "versions": {"jax": jax.__version__}, "step": 3}
    assert read_metadata(info) == metadata
    assert saver.last_saved[0] == 3
    assert abs(saver.last_saved[1] - time.time()) < 60
    assert capfd.readouterr() == ("", "")


def test_buffers_may_be_donated_as_soon_as_save_returns(tmp_path, make_writer, monkeypatch):
    """The write is held back until the buffers are donated and overwritten many times."""
    released = threading.Event()
    original = arrays.ArrayWriter.wait
    monkeypatch.setattr(arrays.ArrayWriter, "wait", lambda self: (released.wait(), original(self)))
    step = jax.jit(lambda state: jax.tree.map(lambda x: x * 3 + 1, state), donate_argnums=0)
    state = {"w": jnp.arange(1 << 20, dtype=jnp.float32), "n": jnp.int32(1)}
    state = step(state)
    expected = jax.tree.map(lambda x: np.array(x), state)
    host = np.arange(5)
    pointer = state["w"].unsafe_buffer_pointer()
    saver = make_writer()
    saver.save(1, {**state, "host": host}, {})
    state = step(state)
    donated = state["w"].unsafe_buffer_pointer() == pointer
    for _ in range(20):
        state = step(state)
    host[:] = -1
    released.set()
    saver.wait()
    assert donated, "a view held by the writer keeps the step from reusing the buffer"
    restored = restore_newest(tmp_path, {**state, "host": host})
    assert_bit_equal(restored, {**expected, "host": np.arange(5)})


def test_a_restored_state_can_be_donated(tmp_path, make_writer):
    saver = make_writer()
    state = {"w": jnp.arange(1 << 16, dtype=jnp.float32)}
    saver.save(1, state, {})
    saver.wait()
    step = jax.jit(lambda state: {"w": state["w"] * 3 + 1}, donate_argnums=0)
    restored = restore_newest(tmp_path, state)
    for _ in range(5):
        restored, state = step(restored), step(state)
    assert_bit_equal(restored, state)


def test_a_save_waits_for_the_one_before(tmp_path, make_writer):
    saver = make_writer(keep=5)
    for step in range(4):
        saver.save(step, make_state(step), {})
        assert [info.step for info in list_steps(tmp_path)] >= list(range(step))
    saver.wait()
    assert [info.step for info in list_steps(tmp_path)] == [0, 1, 2, 3]


def test_old_steps_go_and_reached_again_steps_are_replaced(tmp_path, make_writer):
    saver = make_writer(keep=2)
    for step, seed in ((1, 1), (2, 2), (3, 3), (3, 4)):
        saver.save(step, make_state(seed), {})
    saver.wait()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step_00000002", "step_00000003"]
    assert_bit_equal(restore_newest(tmp_path, make_state(4)), make_state(4))


def test_every_file_every_damage_is_found_and_the_step_before_used(tmp_path, make_writer, flip):
    saver = make_writer()
    for step in (1, 2):
        saver.save(step, make_state(step), {})
    saver.wait()
    newest = list_steps(tmp_path)[-1].path
    spare = tmp_path / "spare"
    shutil.copytree(newest, spare)
    files = [path.relative_to(spare) for path in spare.rglob("*") if path.is_file()]
    assert len(files) > 8
    found = 0
    for name in files:
        size = (spare / name).stat().st_size
        for damage in ("truncate", "delete", "flip"):
            if damage == "truncate" and size > 0:
                (newest / name).write_bytes((spare / name).read_bytes()[: size // 2])
            elif damage == "flip" and size > 0:
                flip(newest / name, 5003)
            elif damage == "delete" or size == 0:
                (newest / name).unlink()
            messages = []
            assert newest_good(tmp_path, messages.append).step == 1
            assert name.name in messages[0]
            reason = json.loads((tmp_path / "quarantine/step_00000002/reason.json").read_text())
            assert reason["file"] == name.as_posix()
            shutil.rmtree(tmp_path / "quarantine")
            shutil.copytree(spare, newest)
            found += 1
    assert found == 3 * len(files)
    (newest / files[0]).unlink()
    survivor = newest_good(tmp_path, lambda message: None)
    assert_bit_equal(restore(survivor, abstract(make_state(1))), make_state(1))


@pytest.mark.parametrize("shape", [(1, 1), (2, 4), (8, 1), (4, 2)])
def test_a_sharded_state_is_restored_on_any_mesh(tmp_path, make_writer, shape):
    assert jax.device_count() >= 8
    saved_on = Mesh(np.array(jax.devices()[:8]).reshape(4, 2), ("fsdp", "tensor"))
    state = {
        "w": jnp.arange(64 * 16, dtype=jnp.float32).reshape(64, 16),
        "b": jnp.arange(16, dtype=jnp.bfloat16),
    }
    specs = {"w": PartitionSpec("fsdp", "tensor"), "b": PartitionSpec("tensor")}
    sharded = {
        name: jax.device_put(leaf, NamedSharding(saved_on, specs[name]))
        for name, leaf in state.items()
    }
    saver = make_writer()
    saver.save(1, sharded, {})
    saver.wait()
    mesh = Mesh(np.array(jax.devices()[: np.prod(shape)]).reshape(shape), ("fsdp", "tensor"))
    wanted = {
        name: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=NamedSharding(mesh, specs[name])
        )
        for name, leaf in state.items()
    }
    restored = restore(newest_good(tmp_path, pytest.fail), wanted)
    assert_bit_equal(restored, state)
    for name, leaf in restored.items():
        assert leaf.sharding == wanted[name].sharding


def test_one_branch_can_be_restored_alone(tmp_path, make_writer):
    saver = make_writer()
    state = make_state(1)
    saver.save(1, state, {})
    saver.wait()
    assert_bit_equal(restore_newest(tmp_path, state["params"], part="params"), state["params"])


def test_another_model_is_refused_with_both_shapes(tmp_path, make_writer):
    saver = make_writer()
    state = {"params": {f"w{i:02}": jnp.zeros((2, 3)) for i in range(14)}, "same": jnp.int32(0)}
    saver.save(1, state, {})
    saver.wait()
    other = {
        "params": {f"w{i:02}": jnp.zeros((2, 4), jnp.bfloat16) for i in range(1, 15)},
        "same": jnp.int32(0),
    }
    with pytest.raises(UserError) as caught:
        restore_newest(tmp_path, other)
    message = str(caught.value)
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert "params/w00: saved float32[2,3], wanted nothing" in message
    assert "params/w01: saved float32[2,3], wanted bfloat16[2,4]" in message
    assert "... and 5 more" in message and "w10" not in message and "same" not in message


def test_a_save_that_would_not_fit_is_not_begun(tmp_path, make_writer, monkeypatch):
    saver = make_writer()
    saver.save(1, make_state(1), {})
    saver.wait()
    usage = shutil.disk_usage(tmp_path)._replace(free=1_200_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match=r"needs 5\.2 MB, 1\.2 MB free") as caught:
        saver.save(2, {"w": jnp.zeros((1 << 20,))}, {})
    assert caught.value.exit_code == ExitCode.STORAGE
    assert "Older checkpoints are intact" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001"]


def test_a_step_that_was_saved_is_not_called_lost(tmp_path, make_writer, monkeypatch):
    saver = make_writer()

    def fail(directory, config, verified_step):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(writer, "apply_retention", fail)
    saver.save(1, make_state(1), {})
    with pytest.raises(UserError, match=r"step 1 was saved, but .* Permission denied") as caught:
        saver.wait()
    assert caught.value.exit_code == ExitCode.STORAGE
    assert_bit_equal(restore_newest(tmp_path, make_state(1)), make_state(1))


@pytest.mark.parametrize("surface", ["save", "wait", "close", "check"])
def test_a_failure_in_the_background_comes_out_once(tmp_path, make_writer, monkeypatch, surface):
    saver = make_writer()
    saver.save(1, make_state(1), {})
    saver.wait()

    def fail(step, directory):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "write_manifest", fail)
        saver.save(2, make_state(2), {})
        saver._thread.join()
    calls = {"save": lambda: saver.save(3, make_state(3), {})}
    with pytest.raises(UserError, match=r"step 2 was not saved .*disk is full") as caught:
        calls.get(surface, getattr(saver, surface))()
    assert caught.value.exit_code == ExitCode.STORAGE
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001"]
    assert saver.last_saved[0] == 1
    saver.check()
    assert_bit_equal(restore_newest(tmp_path, make_state(1)), make_state(1))
