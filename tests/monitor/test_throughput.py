import dataclasses

import pytest

from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.models.llama import LlamaConfig
from jaxlm.monitor import throughput

LLAMA3_8B = LlamaConfig(
    vocab_size=128_256,
    d_model=4096,
    d_ff=14_336,
    num_layers=32,
    num_heads=32,
    num_kv_heads=8,
    head_dim=128,
    max_seq_len=8192,
)
# Parameters of Meta's release, of which the embedding is looked up and the norms are no products.
RELEASED_PARAMETERS = 8_030_261_248
EMBEDDING = 128_256 * 4096
NORMS = (2 * 32 + 1) * 4096


def test_llama3_8b_multiplies_all_but_embedding_and_norms():
    assert throughput.product_weights(LLAMA3_8B) == RELEASED_PARAMETERS - EMBEDDING - NORMS


def test_a_tied_output_matrix_is_a_product():
    tied = dataclasses.replace(LLAMA3_8B, tie_embeddings=True)
    assert throughput.product_weights(tied) == throughput.product_weights(LLAMA3_8B)


def test_flops_of_llama3_8b_count_half_of_the_attention():
    config = TrainConfig(
        name="x", model=LLAMA3_8B, num_steps=1, batch=BatchConfig(size=1, seq_len=8192)
    )
    # Scores and sums are 2 x 2 x seq x d_model FLOPs a layer forward, three times that in training.
    attention = 32 * 3 * (2 * 2 * 8192 * 4096) // 2
    weights = RELEASED_PARAMETERS - EMBEDDING - NORMS
    assert throughput.flops_per_token(config) == 6 * weights + attention


@pytest.mark.parametrize(
    ("kind", "peak"),
    [
        ("TPU v4", 275e12),
        ("TPU v5 lite", 197e12),
        ("TPU v5", 459e12),
        ("TPU v6 lite", 918e12),
        ("TPU7x", 1153.5e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA B200", 2250e12),
    ],
)
def test_peaks_of_known_devices(kind, peak):
    assert throughput.peak_flops(kind, "bfloat16") == peak
    assert throughput.peak_flops(kind, "float32") is None


@pytest.mark.parametrize("kind", ["cpu", "Tesla T4", "NVIDIA GeForce RTX 4090", "TPU v99"])
def test_an_unknown_device_has_no_peak_and_no_mfu(kind):
    peak = throughput.peak_flops(kind, "bfloat16")
    assert peak is None
    assert throughput.mfu(1e6, 10**9, peak, 1) is None


def test_mfu_is_the_share_of_all_devices():
    assert throughput.mfu(1000.0, 10**9, 1e12, 4) == pytest.approx(0.25)
