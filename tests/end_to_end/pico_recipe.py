"""Pico: the smallest run that has every part, for the tests; seconds long.

Data lies below the working directory, as `tests/end_to_end/conftest.py` lays it out.
"""

from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.data.config import DataConfig
from jaxlm.evaluate import EvaluationConfig
from jaxlm.generate import SamplingConfig
from jaxlm.models.llama import LlamaConfig
from jaxlm.optim.config import OptimConfig
from jaxlm.tokenizers.config import SentencePieceConfig


def get_config() -> TrainConfig:
    return TrainConfig(
        name="pico",
        num_steps=200,
        batch=BatchConfig(size=8, seq_len=32),
        model=LlamaConfig(
            vocab_size=64,
            d_model=32,
            d_ff=48,
            num_layers=2,
            num_heads=4,
            num_kv_heads=2,
            head_dim=8,
            max_seq_len=64,
            rope_theta=10_000.0,
        ),
        tokenizer=SentencePieceConfig(kind="char", vocab_size=64, byte_fallback=False),
        data=DataConfig(path=("text/*.txt",)),
        optim=OptimConfig(peak_lr=1e-2, warmup_steps=10),
        checkpoint=CheckpointConfig(every_steps=25),
        evaluation=EvaluationConfig(every_steps=50, max_batches=0),
        sampling=SamplingConfig(prompts=("every river ",), max_new_tokens=24, temperature=0.0),
    )
