"""Eight simulated devices for every test, and arithmetic that hides nothing."""

import os

os.environ["JAX_PLATFORMS"] = os.environ.get("JAXLM_TEST_PLATFORM", "cpu")
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=8"
    # Compiling takes most of the time of tests on small arrays; their numbers stay the same.
    + " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

import jax

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_default_matmul_precision", "highest")
