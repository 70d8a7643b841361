"""The Llama that the CPU benchmarks train: 35.7 M parameters, 2048 tokens a step, float32.

It reads the embedded corpus and logs every step as any run does, but saves and evaluates at its end
only, which a benchmark does not wait for: those are events of their own, and no part of a step.
"""

from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.evaluate import EvaluationConfig
from jaxlm.layers.compute import ComputeConfig
from jaxlm.models.llama import LlamaConfig
from jaxlm.optim.config import OptimConfig
from jaxlm.tokenizers.config import SentencePieceConfig

NUM_STEPS = 400


def get_config() -> TrainConfig:
    return TrainConfig(
        name="llama-36m",
        num_steps=NUM_STEPS,
        batch=BatchConfig(size=4, seq_len=512),
        model=LlamaConfig(
            vocab_size=16_384,
            d_model=512,
            d_ff=1536,
            num_layers=8,
            num_heads=8,
            num_kv_heads=8,
            head_dim=64,
            max_seq_len=512,
            rope_theta=10_000.0,
            tie_embeddings=True,
        ),
        tokenizer=SentencePieceConfig(kind="bpe", vocab_size=16_384),
        optim=OptimConfig(peak_lr=3e-4, warmup_steps=10, clip_norm=1.0),
        compute=ComputeConfig(dtype="float32"),
        checkpoint=CheckpointConfig(every_steps=NUM_STEPS),
        evaluation=EvaluationConfig(every_steps=0, max_batches=1),
    )
