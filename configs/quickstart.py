"""Quickstart: a 1.7 M-parameter Llama on the Python standard library, in minutes.

What      raw text to trained model: corpus, tokenizer, packing, training, evaluation, report
Source    the embedded corpus (code and docstrings of the running interpreter, 70:30)
Expected  validation bits per byte from 3.96 to 1.89 (Python 3.11), from 4.04 to 1.79 (3.12)
Hardware  two CPU cores
Time      2 minutes on two slow cloud cores, most of it training
Command   python -m jaxlm.train configs/quickstart.py
"""

from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.evaluate import EvaluationConfig
from jaxlm.generate import SamplingConfig
from jaxlm.models.llama import LlamaConfig
from jaxlm.optim.config import OptimConfig
from jaxlm.tokenizers.config import SentencePieceConfig


def get_config() -> TrainConfig:
    return TrainConfig(
        name="quickstart",
        num_steps=700,
        batch=BatchConfig(size=8, seq_len=64),
        model=LlamaConfig(
            vocab_size=4096,
            d_model=192,
            d_ff=384,
            num_layers=3,
            num_heads=6,
            num_kv_heads=2,
            head_dim=32,
            max_seq_len=256,
            rope_theta=10_000.0,
            tie_embeddings=True,
        ),
        tokenizer=SentencePieceConfig(kind="bpe", vocab_size=4096),
        optim=OptimConfig(peak_lr=4e-3, warmup_steps=40, final_lr_ratio=0.02),
        evaluation=EvaluationConfig(every_steps=350, max_batches=32),
        sampling=SamplingConfig(prompts=("def main(", "class Queue:", "Return the number of")),
    )
