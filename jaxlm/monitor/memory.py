"""What a training step needs of a device's memory, from sizes alone."""

import math

from jaxlm.config import TrainConfig
from jaxlm.layers.compute import Compute
from jaxlm.models.base import ModelConfig, num_params
from jaxlm.parallel.mesh import mesh_sizes

_FLOAT32_BYTES = 4
# The backward pass of an unfused softmax keeps masked scores, exponentials and weights.
_SCORE_COPIES = 3


def memory_estimate(config: TrainConfig, compute: Compute, num_devices: int) -> dict[str, int]:
    """Bytes that one device holds at the peak of a training step, by kind.

    An estimate from shapes, to be read before anything is compiled; the compiler needs more for
    temporaries and gathered weights, and less where it reuses a buffer: on XLA:CPU 0.7 to 1.4 times
    the estimate. It counts:

    - parameters, gradients and the optimizer's two moments in the parameters' type, divided over
      the `fsdp` axis; with accumulation the sum and one microbatch's gradients.
    - activations: what every layer keeps of one microbatch for the backward pass, as the model
      counts it for the remat policy, with attention scores in float32; and where the policy
      recomputes, all of the one layer that is being recomputed.
    - logits: one chunk in float32 and its gradient.

    Args:
      config: The run's configuration.
      compute: Its precision and kernels on the device.
      num_devices: Devices in the mesh.

    Returns:
      Bytes under `parameters`, `gradients`, `optimizer`, `activations`, `logits` and `total`.

    Raises:
      UserError: the mesh does not fit `num_devices`.
    """
    fsdp = mesh_sizes(config.parallel, num_devices)["fsdp"]
    parameters = math.ceil(num_params(config.model) / fsdp) * compute.param_dtype.itemsize
    rows = math.ceil(config.batch.size / (config.batch.accumulation * num_devices))
    tokens = rows * config.batch.seq_len
    estimate = {
        "parameters": parameters,
        "gradients": parameters * (2 if config.batch.accumulation > 1 else 1),
        "optimizer": 2 * parameters,
        "activations": tokens * _bytes_per_token(config.model, compute, config.batch.seq_len),
        "logits": 2 * config.objective.logits_bytes(tokens, config.model.vocab_size),
    }
    return estimate | {"total": sum(estimate.values())}


def _bytes_per_token(model: ModelConfig, compute: Compute, seq_len: int) -> int:
    """Activations for one token at the peak: what all layers keep, and one layer recomputed."""
    kept = model.num_layers * _layer_bytes_per_token(model, compute, seq_len)
    if compute.remat == "none":
        return kept
    return kept + _layer_bytes_per_token(model, compute._replace(remat="none"), seq_len)


def _layer_bytes_per_token(model: ModelConfig, compute: Compute, seq_len: int) -> int:
    """What one layer keeps for one token until its backward pass."""
    kept = model.activation_elements_per_token(compute.remat) * compute.dtype.itemsize
    # Fused attention keeps no scores, and every other policy than `none` recomputes them.
    if compute.attention == "cudnn" or compute.remat != "none":
        return kept
    scores = _SCORE_COPIES * model.score_elements_per_token(seq_len) * _FLOAT32_BYTES
    # A block of queries sees its causal prefix only.
    return kept + (scores // 2 if compute.attention == "blocked" else scores)
