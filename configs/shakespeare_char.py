"""Characters of Shakespeare: the size and schedule of nanoGPT's CPU setting, with Llama blocks.

What      0.8 M parameters, rows of 64 characters, 2000 steps of 12 rows
Source    github.com/karpathy/nanoGPT, README, "I only have a macbook" (or another cheap computer)
Expected  validation loss 1.64 (seeds 0, 1); nanoGPT documents 1.88 for its GPT-2 blocks
Hardware  two CPU cores
Time      9 minutes on two slow, shared cloud cores; nanoGPT documents about 3 on a laptop
Command   python -m jaxlm.train configs/shakespeare_char.py data.path=tinyshakespeare.txt
"""

from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.data.config import DataConfig
from jaxlm.evaluate import EvaluationConfig
from jaxlm.generate import SamplingConfig
from jaxlm.layers.compute import ComputeConfig
from jaxlm.models.llama import LlamaConfig
from jaxlm.optim.config import OptimConfig
from jaxlm.tokenizers.config import SentencePieceConfig


def get_config() -> TrainConfig:
    return TrainConfig(
        name="shakespeare-char",
        num_steps=2000,
        batch=BatchConfig(size=12, seq_len=64),
        model=LlamaConfig(
            vocab_size=128,
            d_model=128,
            d_ff=344,  # three SwiGLU matrices of 344 weigh as much as GPT-2's two of 512
            num_layers=4,
            num_heads=4,
            num_kv_heads=4,
            head_dim=32,
            max_seq_len=64,
            rope_theta=10_000.0,
            tie_embeddings=True,
        ),
        # Every character of the text is a piece of its own, so none is left to spell as bytes.
        tokenizer=SentencePieceConfig(kind="char", vocab_size=128, byte_fallback=False),
        data=DataConfig(
            path=("tinyshakespeare.txt",), validation_fraction=0.1, packing="concatenate"
        ),
        optim=OptimConfig(
            peak_lr=1e-3,
            warmup_steps=100,
            final_lr_ratio=0.1,
            beta2=0.99,
            weight_decay=0.1,
            clip_norm=1.0,
        ),
        compute=ComputeConfig(scan_layers=False),
        checkpoint=CheckpointConfig(every_steps=500),
        evaluation=EvaluationConfig(every_steps=250, max_batches=0),
        sampling=SamplingConfig(prompts=("ROMEO:", "JULIET:")),
    )
