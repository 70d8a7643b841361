"""Loss, perplexity and bits per byte of a trained model on held-out data.

python -m jaxlm.evaluate RUN_DIR [--max-batches N]
"""

import contextlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxlm.errors import ArgumentParser, run_main

if TYPE_CHECKING:
    from jaxlm.config import TrainConfig
    from jaxlm.data.loader import Loader
    from jaxlm.data.store import TokenStore


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """When and on how much held-out text to evaluate during training.

    Attributes:
      every_steps: Steps between evaluations, besides those before the first and after the last
        step; 0 means only these two.
      max_batches: Batches of the validation split to use; 0 means all of it.
    """

    every_steps: int = 100
    max_batches: int = 16


class Evaluation(NamedTuple):
    """Result of an evaluation.

    Attributes:
      loss: Mean negative log-likelihood of a target, in nats.
      bits_per_byte: Code length of the text in bits, over its length in UTF-8 bytes; comparable
        between tokenizers.
      num_targets: Targets that were predicted.
      num_bytes: Bytes of text that they stand for.
    """

    loss: float
    bits_per_byte: float
    num_targets: int
    num_bytes: int

    @property
    def perplexity(self) -> float:
        """Exponential of the loss."""
        return math.exp(self.loss)


def validation_batches(config: "TrainConfig", store: "TokenStore", max_batches: int) -> "Loader":
    """The batches of the validation split, the last one padded with empty rows.

    They have the rows of one microbatch, so that a run that trains in its memory also evaluates.
    `max_batches` counts global batches.
    """
    from jaxlm.data.loader import make_loader
    from jaxlm.data.stream import Stream

    stream = Stream.validation(store, config.batch.seq_len, config.data.packing)
    rows = config.batch.size // config.batch.accumulation
    num_batches = math.ceil(stream.num_rows / rows)
    most = max_batches * config.batch.accumulation or num_batches
    return make_loader(stream, batch_size=rows, start_step=0, num_steps=min(num_batches, most))


def evaluate(
    eval_step: Callable[[Any, Any], Any],
    params: Any,
    batches: Iterable[dict[str, np.ndarray]],
    put: Callable[[dict[str, np.ndarray]], Any],
    token_bytes: np.ndarray,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Evaluation | None:
    """Sums the loss over batches.

    Args:
      eval_step: From `jaxlm.step.make_eval_step`, jitted.
      params: Parameters.
      batches: Host batches.
      put: Places a host batch on the devices.
      token_bytes: int32 [vocab], UTF-8 bytes that each token stands for.
      is_stopped: Asked before each batch; a yes ends the evaluation without a result.
    """
    nats, num_targets, num_bytes = 0.0, 0, 0
    pending: Any = None
    for batch in batches:
        if is_stopped():
            return None
        sums = eval_step(params, put(batch))
        num_bytes += int(token_bytes[batch["targets"]][batch["loss_weights"] > 0].sum())
        if pending is not None:  # one batch late, so that the device is never idle
            nats, num_targets = _added(nats, num_targets, pending)
        pending = sums
    if pending is not None:
        nats, num_targets = _added(nats, num_targets, pending)
    bits = nats / math.log(2)
    return Evaluation(nats / max(num_targets, 1), bits / max(num_bytes, 1), num_targets, num_bytes)


def _added(nats: float, num_targets: int, sums: Any) -> tuple[float, int]:
    return nats + float(sums["cross_entropy"]), num_targets + int(sums["targets"])


def main() -> None:
    """Evaluates the newest checkpoint of a run."""
    parser = ArgumentParser(prog="python -m jaxlm.evaluate", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--max-batches", type=int, default=0, help="0 (default): all of the split")
    arguments = parser.parse_args()
    if arguments.max_batches < 0:
        parser.error(f"--max-batches {arguments.max_batches}: expected 0 or more")

    import jax

    from jaxlm.step import BATCH_DTYPES, make_eval_step
    from jaxlm.trained import load_run, open_store

    run = load_run(arguments.run_dir)
    store = open_store(arguments.run_dir, run)
    eval_step = jax.jit(make_eval_step(run.model, run.config.objective))
    batches = validation_batches(run.config, store, arguments.max_batches)

    def put(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: batch[name] for name in BATCH_DTYPES}

    with contextlib.closing(batches):
        result = evaluate(eval_step, run.params, batches, put, run.tokenizer.token_bytes())
    assert result is not None
    print(f"run              {arguments.run_dir}, step {run.step}")
    print(f"validation text  {result.num_targets:,} tokens, {result.num_bytes:,} bytes")
    print(f"loss             {result.loss:.4f} nats per token")
    print(f"perplexity       {result.perplexity:.2f}")
    print(f"bits per byte    {result.bits_per_byte:.4f}")


if __name__ == "__main__":
    run_main(main)
