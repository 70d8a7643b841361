"""What the first device is, how much memory it has, and how fast it multiplies at its best.

    python -m benchmarks.device

A worker of `gpu.py`: a process of its own, so that it gives the device's memory back.
"""

import argparse
import json
import time

import jax
import jax.numpy as jnp


def matmul_flops_per_second(size: int, repeats: int = 20) -> float:
    """FLOP/s of a square bfloat16 product with float32 sums; the mean of a row of products."""
    x, y = (jax.random.normal(jax.random.key(i), (size, size), jnp.bfloat16) for i in range(2))
    multiply = jax.jit(lambda x, y: x @ y)
    jax.block_until_ready([multiply(x, y) for _ in range(3)])
    began = time.perf_counter()
    jax.block_until_ready([multiply(x, y) for _ in range(repeats)])
    return 2 * size**3 * repeats / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device")
    parser.add_argument("--matmul-size", type=int, default=8192)
    arguments = parser.parse_args()
    device = jax.devices()[0]
    stats = device.memory_stats() or {}
    facts = {
        "kind": device.device_kind,
        "platform": device.platform,
        "memory_bytes": stats.get("bytes_limit"),
        "matmul_flops_per_second": matmul_flops_per_second(arguments.matmul_size),
    }
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
