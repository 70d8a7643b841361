import dataclasses

import jax
import jax.numpy as jnp
import pytest

from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.layers.compute import Compute
from jaxlm.models.llama import LlamaConfig
from jaxlm.monitor.memory import memory_estimate
from jaxlm.objectives.causal_lm import CausalLMConfig
from jaxlm.parallel.mesh import ParallelConfig

FLOAT32 = Compute(jnp.dtype("float32"), jnp.dtype("float32"), "plain")
MODEL = LlamaConfig(
    vocab_size=1024,
    d_model=128,
    d_ff=384,
    num_layers=4,
    num_heads=4,
    num_kv_heads=2,
    head_dim=32,
    max_seq_len=256,
)
CONFIG = TrainConfig(name="x", model=MODEL, num_steps=1, batch=BatchConfig(size=8, seq_len=256))


def elements(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_state_is_counted_by_its_parameters():
    count = elements(MODEL.build(FLOAT32).abstract_params())
    estimate = memory_estimate(CONFIG, FLOAT32, 1)
    assert estimate["parameters"] == estimate["gradients"] == 4 * count
    assert estimate["optimizer"] == 8 * count
    assert estimate["total"] == sum(v for k, v in estimate.items() if k != "total")


def test_fsdp_divides_state_and_batch_and_data_divides_the_batch_alone():
    one = memory_estimate(CONFIG, FLOAT32, 1)
    fsdp = dataclasses.replace(CONFIG, parallel=ParallelConfig(data=1, fsdp=4))
    data = dataclasses.replace(CONFIG, parallel=ParallelConfig(data=4))
    shared, copied = memory_estimate(fsdp, FLOAT32, 4), memory_estimate(data, FLOAT32, 4)
    assert 4 * shared["parameters"] == one["parameters"] == copied["parameters"]
    assert 4 * shared["activations"] == one["activations"] == 4 * copied["activations"]


def test_accumulation_divides_the_activations():
    batch = dataclasses.replace(CONFIG.batch, accumulation=4)
    accumulated = memory_estimate(dataclasses.replace(CONFIG, batch=batch), FLOAT32, 1)
    assert 4 * accumulated["activations"] == memory_estimate(CONFIG, FLOAT32, 1)["activations"]


def test_logits_are_held_in_chunks():
    bounded = dataclasses.replace(CONFIG, objective=CausalLMConfig(max_logits_bytes=1000))
    assert memory_estimate(CONFIG, FLOAT32, 1)["logits"] == 2 * 8 * 256 * 1024 * 4
    assert memory_estimate(bounded, FLOAT32, 1)["logits"] == 2000


def test_fused_attention_keeps_no_scores_and_half_precision_halves_the_rest():
    bfloat16 = FLOAT32._replace(attention="cudnn", dtype=jnp.dtype("bfloat16"))
    fused = memory_estimate(CONFIG, FLOAT32._replace(attention="cudnn"), 1)["activations"]
    assert memory_estimate(CONFIG, bfloat16, 1)["activations"] * 2 == fused
    assert fused < memory_estimate(CONFIG, FLOAT32._replace(attention="blocked"), 1)["activations"]


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["blocked", "plain"])
@pytest.mark.parametrize("remat", ["none", "dots", "full"])
def test_the_estimate_is_near_what_the_compiler_allocates(attention, remat):
    compute = FLOAT32._replace(attention=attention, remat=remat)
    model = MODEL.build(compute)

    def loss(params, tokens):
        scores = jax.nn.log_softmax(model.apply(params, {"tokens": tokens}).logits)
        return -jnp.take_along_axis(scores, tokens[..., None], -1).mean()

    tokens = jax.ShapeDtypeStruct((8, 256), jnp.int32)
    compiled = jax.jit(jax.grad(loss)).lower(model.abstract_params(), tokens).compile()
    allocated = compiled.memory_analysis().temp_size_in_bytes
    estimate = memory_estimate(CONFIG, compute, 1)
    ratio = (estimate["activations"] + estimate["logits"]) / allocated
    assert 0.6 < ratio < 1.6
