"""Parameters and the products with them.

`param` is the one way to declare a parameter, `buffer` an array that gradients do not learn;
`dot` is the one way to multiply by a matrix.
"""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxlm.parallel.sharding import RULES, Axes

Initializer = Callable[..., jax.Array]


def param(
    module: nn.Module,
    name: str,
    shape: tuple[int, ...],
    axes: Axes,
    init: Initializer,
    dtype: jnp.dtype,
) -> jax.Array:
    """Declares a parameter with its logical axes, once; everything else is derived from it.

    Args:
      module: The Linen module that owns the parameter, inside its compact method.
      name: Name in the module.
      shape: Sizes, one per logical axis.
      axes: Logical axis names, known to the rules table.
      init: `init(key, shape, dtype)`.
      dtype: Storage type.
    """
    assert len(shape) == len(axes), (name, shape, axes)
    value: Any = module.param(name, nn.with_logical_partitioning(init, axes), shape, dtype)
    return value


def buffer(
    module: nn.Module,
    name: str,
    shape: tuple[int, ...],
    axes: Axes,
    init: Callable[..., jax.Array],
    dtype: jnp.dtype,
) -> jax.Array:
    """Declares an array that the model's `update_buffers` changes once a step, not its gradient.

    Args:
      module: The Linen module that owns it, inside its compact method.
      name: Name in the module.
      shape: Sizes, one per logical axis.
      axes: Logical axis names, known to the rules table.
      init: `init(shape, dtype)`, for example `jnp.zeros`.
      dtype: Storage type.
    """
    assert len(shape) == len(axes), (name, shape, axes)
    boxed = nn.with_logical_partitioning(init, axes)
    value: Any = module.variable("buffers", name, boxed, shape, dtype).value
    return value


def normal(stddev: float) -> Initializer:
    """Normal initialiser with a fixed standard deviation."""
    return nn.initializers.normal(stddev)


def fan_in(fan: int) -> Initializer:
    """Normal initialiser that keeps the variance of a sum over `fan` inputs at one."""
    return nn.initializers.normal(fan**-0.5)


def dot(x: jax.Array, w: jax.Array, contract: int = 1) -> jax.Array:
    """Multiplies the last `contract` dimensions of `x` with the first of `w`.

    Leading dimensions are flattened to `[tokens, in]` around the product: XLA:CPU computes the
    weight gradient of a 3-D activation at half the speed of a 2-D one (19 % of a training step).
    Under a sharded sequence the flattening would cost all-gathers, so there it is left out.

    Args:
      x: [..., *in].
      w: [*in, *out], cast to the type of `x`.
      contract: Number of `in` dimensions.

    Returns:
      [..., *out] in the type of `x`.
    """
    lead, inner, outer = x.shape[: x.ndim - contract], w.shape[:contract], w.shape[contract:]
    matrix = w.astype(x.dtype).reshape(math.prod(inner), math.prod(outer))
    x = x.reshape(*lead, math.prod(inner))
    if RULES["seq"]:
        return (x @ matrix).reshape(*lead, *outer)
    return (x.reshape(-1, x.shape[-1]) @ matrix).reshape(*lead, *outer)


@jax.custom_vjp
def dot_float32(x: jax.Array, w: jax.Array) -> jax.Array:
    """`x @ w` with a float32 result, whose backward products have operands of the inputs' type.

    For logits and attention scores: softmax needs them in float32, but autodiff of a mixed product
    would run its backward products in float32 too, and XLA:CPU refuses the transposed one.

    Args:
      x: [..., rows, in].
      w: [..., in, out], of the same type.
    """
    return jnp.matmul(x, w, preferred_element_type=jnp.promote_types(x.dtype, jnp.float32))


def _forward(x: jax.Array, w: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return dot_float32(x, w), (x, w)


def _backward(saved: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, w = saved
    g = g.astype(x.dtype)
    return g @ w.swapaxes(-1, -2), x.swapaxes(-1, -2) @ g


dot_float32.defvjp(_forward, _backward)
