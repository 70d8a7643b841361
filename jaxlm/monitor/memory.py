"""What a training step needs of a device's memory, from sizes alone."""

import math

from jaxlm.config import TrainConfig
from jaxlm.layers.compute import Compute
from jaxlm.models.base import ModelConfig, num_params
from jaxlm.parallel.mesh import mesh_sizes

_FLOAT32_BYTES = 4


def memory_estimate(config: TrainConfig, compute: Compute, num_devices: int) -> dict[str, int]:
    """Bytes that one device holds at the peak of a training step, by kind.

    An estimate from shapes, to be read before anything is compiled; the compiler needs more for
    temporaries and gathered weights, and less where it reuses a buffer. It counts:

    - parameters, gradients and the optimizer's two moments in the parameters' type, divided over
      the `fsdp` axis. Accumulation adds no second set: one sum is updated in place.
    - activations: what every layer keeps of one microbatch for the backward pass, as the model
      counts it for the remat policy, and attention scores in float32.
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
    logits = tokens * config.model.vocab_size * _FLOAT32_BYTES
    estimate = {
        "parameters": parameters,
        "gradients": parameters,
        "optimizer": 2 * parameters,
        "activations": tokens * _bytes_per_token(config.model, compute, config.batch.seq_len),
        "logits": 2 * min(logits, config.objective.max_logits_bytes),
    }
    return estimate | {"total": sum(estimate.values())}


def _bytes_per_token(model: ModelConfig, compute: Compute, seq_len: int) -> int:
    """Activations of all layers for one token."""
    kept = model.activation_elements_per_token(compute.remat) * compute.dtype.itemsize
    return model.num_layers * kept + _score_bytes_per_token(model, compute, seq_len)


def _score_bytes_per_token(model: ModelConfig, compute: Compute, seq_len: int) -> int:
    """Attention scores for one token: of every layer, or of one where they are recomputed."""
    if compute.attention == "cudnn":  # fused: scores never reach memory
        return 0
    scores = model.score_elements_per_token(seq_len) * _FLOAT32_BYTES
    if compute.attention == "blocked":  # a block of queries sees its causal prefix only
        scores //= 2
    return scores * (model.num_layers if compute.remat == "none" else 1)
