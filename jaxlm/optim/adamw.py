"""AdamW with clipping, as an optax chain without the learning rate.

The step multiplies by the learning rate itself: the schedule is a function of the step alone, and
the optimizer's own count advances only with updates that were accepted.
"""

from typing import Any

import jax
import optax

from jaxlm.optim.config import OptimConfig


def make_optimizer(config: OptimConfig, axes: Any) -> optax.GradientTransformation:
    """Builds clip -> Adam -> decoupled weight decay.

    Source: Loshchilov and Hutter, 2019 (arXiv 1711.05101), algorithm 2.

    Args:
      config: Settings.
      axes: Logical axes of the parameters, which decide what decays.
    """
    clip = optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity()
    return optax.chain(
        clip,
        optax.scale_by_adam(config.beta1, config.beta2, config.eps),
        optax.add_decayed_weights(config.weight_decay, mask=decays(axes)),
    )


def decays(axes: Any) -> Any:
    """Which parameters decay: those with two axes or more, not counting layers."""
    return jax.tree.map(
        lambda names: len([n for n in names if n != "layers"]) >= 2,
        axes,
        is_leaf=lambda x: isinstance(x, tuple),
    )
