"""Products against einsum."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxlm.layers.params import dot, dot_float32


def test_dot_contracts_and_keeps_the_other_dimensions():
    x = jax.random.normal(jax.random.key(0), (2, 5, 3, 4))
    w = jax.random.normal(jax.random.key(1), (3, 4, 6))
    np.testing.assert_allclose(dot(x, w, contract=2), jnp.einsum("bshk,hkd->bsd", x, w), atol=1e-5)
    wide = jax.random.normal(jax.random.key(2), (4, 2, 7))
    np.testing.assert_allclose(dot(x, wide), jnp.einsum("bshk,kuv->bshuv", x, wide), atol=1e-5)


def test_float32_results_of_bfloat16_products():
    x = jax.random.normal(jax.random.key(0), (3, 8, 16), jnp.bfloat16)
    w = jax.random.normal(jax.random.key(1), (3, 16, 8), jnp.bfloat16)
    exact = np.asarray(x, np.float64) @ np.asarray(w, np.float64)
    y = dot_float32(x, w)
    assert y.dtype == jnp.float32
    np.testing.assert_allclose(y, exact, atol=1e-5)
    grads = jax.jit(jax.grad(lambda x, w: dot_float32(x, w).sum(), argnums=(0, 1)))(x, w)
    assert {g.dtype for g in grads} == {jnp.dtype("bfloat16")}
    np.testing.assert_allclose(
        np.asarray(grads[0], np.float32),
        np.broadcast_to(np.asarray(w, np.float32).sum(-1)[:, None], x.shape),
        rtol=0.02,
        atol=0.02,
    )
