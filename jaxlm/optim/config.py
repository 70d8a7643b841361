"""Settings of the optimizer and of its learning rate."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW (Loshchilov and Hutter, 2019) with warmup and cosine decay.

    Attributes:
      peak_lr: Learning rate at the end of warmup.
      warmup_steps: Steps from zero to the peak.
      decay: Shape after warmup.
      final_lr_ratio: Learning rate at the end of the decay over the peak.
      beta1: Decay of the first moment.
      beta2: Decay of the second moment.
      eps: Added to the root of the second moment.
      weight_decay: Decoupled decay of matrices; vectors (norm scales, biases) never decay.
      clip_norm: Largest global gradient norm; 0 switches clipping off.
    """

    peak_lr: float = 3e-4
    warmup_steps: int = 100
    decay: Literal["cosine", "constant"] = "cosine"
    final_lr_ratio: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip_norm: float = 1.0
