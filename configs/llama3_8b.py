"""Llama 3.1 8B: the published architecture, trained from random weights on your own text.

What      8,030,261,248 parameters, untied output matrix, 4 M tokens a step, about 20 a parameter
Source    architecture: huggingface.co/meta-llama/Llama-3.1-8B, config.json; peak learning rate
          and shape of the schedule: Grattafiori et al., 2024 (arXiv 2407.21783), table 3
Expected  the published parameter count; the published model saw 15 T tokens, a hundred times more,
          so its losses are no reference
Hardware  64 accelerators with 80 GB each
Time      7.7e21 FLOPs for the products: about 85 hours on 64 H100 at 40 % utilisation (computed)
Command   python -m jaxlm.train configs/llama3_8b.py data.path='corpus/*.jsonl.gz'
"""

from dataclasses import replace

from configs.llama3_1b import MODEL
from configs.llama3_1b import get_config as llama3_1b
from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.layers.positions import Llama3RopeScaling


def get_config() -> TrainConfig:
    parent = llama3_1b()
    return replace(
        parent,
        name="llama3-8b",
        num_steps=38_300,
        batch=BatchConfig(size=512, seq_len=8192, accumulation=4),
        model=replace(
            MODEL,
            d_model=4096,
            d_ff=14_336,
            num_layers=32,
            head_dim=128,
            rope_scaling=Llama3RopeScaling(factor=8.0),
            tie_embeddings=False,
        ),
        optim=replace(parent.optim, warmup_steps=2000),
    )
