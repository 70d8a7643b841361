"""Llama 3.2 1B: the published architecture, trained from random weights on your own text.

What      1,235,814,400 parameters, tied embeddings, 8192-token rows, about 20 tokens a parameter
Source    architecture: huggingface.co/meta-llama/Llama-3.2-1B, config.json; peak learning rate:
          that of the 8B model, Grattafiori et al., 2024 (arXiv 2407.21783), table 3
Expected  the published parameter count; Meta distilled this model from larger ones, so no loss
          from random weights is published to compare with
Hardware  8 accelerators with 80 GB each
Time      1.8e20 FLOPs for the products: about 16 hours on 8 H100 at 40 % utilisation (computed)
Command   python -m jaxlm.train configs/llama3_1b.py data.path='corpus/*.jsonl.gz'
"""

from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.data.config import DataConfig
from jaxlm.evaluate import EvaluationConfig
from jaxlm.layers.compute import ComputeConfig
from jaxlm.layers.positions import Llama3RopeScaling
from jaxlm.models.llama import LlamaConfig
from jaxlm.optim.config import OptimConfig
from jaxlm.parallel.mesh import ParallelConfig
from jaxlm.tokenizers.config import SentencePieceConfig

MODEL = LlamaConfig(
    vocab_size=128_256,
    d_model=2048,
    d_ff=8192,
    num_layers=16,
    num_heads=32,
    num_kv_heads=8,
    head_dim=64,
    max_seq_len=131_072,
    rope_theta=500_000.0,
    rope_scaling=Llama3RopeScaling(factor=32.0),
    tie_embeddings=True,
)


def get_config() -> TrainConfig:
    return TrainConfig(
        name="llama3-1b",
        num_steps=11_800,
        batch=BatchConfig(size=256, seq_len=8192, accumulation=4),
        model=MODEL,
        # 256 rows of the embedding stay free for special tokens, as in the published model.
        tokenizer=SentencePieceConfig(kind="bpe", vocab_size=128_000, training_bytes=500_000_000),
        data=DataConfig(path=("corpus/*.jsonl.gz",), validation_fraction=0.001),
        optim=OptimConfig(peak_lr=3e-4, warmup_steps=1000),
        compute=ComputeConfig(dtype="bfloat16", remat="full"),
        parallel=ParallelConfig(data=1, fsdp=-1),
        checkpoint=CheckpointConfig(every_steps=500, keep=3),
        evaluation=EvaluationConfig(every_steps=500, max_batches=16),
    )
