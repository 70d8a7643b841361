"""What a run would be: settings and their origins, size, cost, schedules. Writes nothing."""

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxlm.config.fields import get, leaves
from jaxlm.config.loader import Loaded
from jaxlm.config.problems import columns
from jaxlm.config.serialise import digest
from jaxlm.config.values import to_text
from jaxlm.data import tokenise
from jaxlm.layers.compute import resolve
from jaxlm.models.base import num_params
from jaxlm.monitor.memory import memory_estimate
from jaxlm.monitor.throughput import flops_per_token
from jaxlm.timeline import Schedule, learning_rate

_BARS = "▁▂▃▄▅▆▇█"


def dry_run(loaded: Loaded) -> int:
    """Prints what the run would be; returns the exit code.

    Raises:
      UserError: The data cannot be prepared. Raised last, since the rest can be told without it.
    """
    print(describe(loaded), end="\n\n", flush=True)
    print("\n".join(["Data", *(f"  {line}" for line in tokenise.plan(loaded.config))]))
    return 0


def describe(loaded: Loaded, devices: Sequence[jax.Device] | None = None) -> str:
    """All that is known without the data: settings, size, cost, memory, schedules, directory.

    Args:
      loaded: A checked command line.
      devices: Devices of the run; all by default.
    """
    devices = jax.devices() if devices is None else devices
    config = loaded.config
    schedule = learning_rate(config.optim, config.num_steps)
    blocks = [
        f"Dry run of {loaded.source}: nothing is written.",
        _block("Configuration", _setting_rows(loaded)),
        f"  digest {digest(config)}",
        _block("Size and cost", _cost_rows(loaded, len(devices))),
        _block(f"Memory of each device ({_kinds(devices)})", _memory_rows(loaded, devices)),
        "\n".join(["Schedules", _curve("learning rate", schedule, config.num_steps)]),
        _run_dir_line(loaded),
    ]
    return "\n\n".join(blocks)


def sparkline(values: Sequence[float], low: float | None = None) -> str:
    """Draws values as bars of eight heights, from the least value (or `low`) to the greatest."""
    array = np.asarray(values, np.float64)
    low = float(array.min()) if low is None else low
    span = float(array.max()) - low
    heights = (array - low) / span if span > 0 else np.ones_like(array)
    last = len(_BARS) - 1
    return "".join(_BARS[round(float(height) * last)] for height in np.clip(heights, 0, 1))


def _block(title: str, rows: Iterator[tuple[str, ...]]) -> str:
    return "\n".join([title, *(f"  {line}" for line in columns(list(rows)))])


def _setting_rows(loaded: Loaded) -> Iterator[tuple[str, ...]]:
    for setting in leaves(loaded.config):
        value = to_text(get(loaded.config, setting.path))
        yield setting.path, value, loaded.origins[setting.path]


def _cost_rows(loaded: Loaded, num_devices: int) -> Iterator[tuple[str, ...]]:
    config = loaded.config
    tokens_per_step = config.batch.size * config.batch.seq_len
    tokens, flops = tokens_per_step * config.num_steps, flops_per_token(config)
    parameters = num_params(config.model)
    yield "parameters", f"{parameters:,}"
    yield "tokens per step", f"{tokens_per_step:,} ({tokens_per_step // num_devices:,} a device)"
    yield "tokens in all", f"{tokens:,} ({tokens / parameters:.3g} a parameter)"
    yield "FLOPs per token", f"{flops:.4g} (forward and backward)"
    yield "FLOPs in all", f"{float(flops) * tokens:.4g}"


def _memory_rows(loaded: Loaded, devices: Sequence[jax.Device]) -> Iterator[tuple[str, ...]]:
    compute = resolve(loaded.config.compute, devices[0])
    for kind, size in memory_estimate(loaded.config, compute, len(devices)).items():
        yield kind, _bytes(size)
    yield "for", compute.describe()


def _bytes(size: float) -> str:
    """A size in the largest binary unit that keeps it above one."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"


def _kinds(devices: Sequence[jax.Device]) -> str:
    return f"{len(devices)} x {devices[0].device_kind}"


def _curve(name: str, schedule: Schedule, num_steps: int) -> str:
    """A schedule over the run's steps as bars, with its first, greatest and last value."""
    width = min(60, num_steps)
    steps = np.linspace(0, num_steps - 1, width).round().astype(np.int32)
    values = np.asarray(schedule(jnp.asarray(steps)), np.float64)
    peak = int(values.argmax())
    return (
        f"  {name}  {sparkline(list(values), low=0.0)}\n"
        f"    {values[0]:.3g} at step 0, {values[peak]:.3g} at {steps[peak]}, "
        f"{values[-1]:.3g} at {steps[-1]}"
    )


def _run_dir_line(loaded: Loaded) -> str:
    if loaded.directory is None:
        return "Run directory: a new one would be made"
    state = "exists" if loaded.directory.exists() else "would be made"
    return f"Run directory: {loaded.directory} ({state})"
