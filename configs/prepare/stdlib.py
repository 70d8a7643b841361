"""The standard library of the running interpreter, cleaned: the data shop without a download.

What      code and docstrings as two sources; rules, personal data, copies, tokenizer, tokens
Source    the embedded corpus; thresholds as published, see `jaxlm/data/filters`
Expected  a page that says what was dropped and why, and a store of about 4 M tokens
Hardware  two CPU cores
Time      about a minute on two slow cores
Command   python -m jaxlm.data.prepare configs/prepare/stdlib.py
"""

from jaxlm.data.dedup.config import LinesConfig
from jaxlm.data.normalise import WEB
from jaxlm.data.shop.config import PrepareConfig, SourceConfig, TokensConfig
from jaxlm.tokenizers.config import SentencePieceConfig


def get_config() -> PrepareConfig:
    return PrepareConfig(
        name="stdlib",
        sources=(
            SourceConfig(name="code", path=("stdlib:code",), rules=("code", "table")),
            SourceConfig(name="prose", path=("stdlib:prose",), languages=("en",)),
        ),
        normalise=WEB,
        lines=LinesConfig(most_documents=20),
        tokenizer=SentencePieceConfig(vocab_size=4096),
        tokens=TokensConfig(weights=(0.7, 0.3), validation_fraction=0.05),
    )
