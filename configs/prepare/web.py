"""Web text to a clean corpus: the rules of Gopher, C4 and FineWeb, near copies dropped.

What      read, normalise, filter, remove personal data and copies, train a tokenizer, tokenise
Source    thresholds of Rae et al. 2021, Raffel et al. 2020, Penedo et al. 2024
Expected  a report that says what each rule dropped; set sources.0.path to your own files
Hardware  two CPU cores or more
Time      about 14 MB of text a second on two cores
Command   python -m jaxlm.data.prepare configs/prepare/web.py 'sources.0.path=web/*.jsonl.gz'
"""

from jaxlm.data.dedup.config import LinesConfig
from jaxlm.data.normalise import NormaliseConfig
from jaxlm.data.shop.config import PrepareConfig, SourceConfig
from jaxlm.tokenizers.config import SentencePieceConfig


def get_config() -> PrepareConfig:
    return PrepareConfig(
        name="web",
        sources=(
            SourceConfig(
                name="web",
                path=("web/*.jsonl.gz",),
                rules=("gopher_quality", "gopher_repetition", "fineweb"),
                languages=("en",),
            ),
        ),
        normalise=NormaliseConfig(form="NFC"),
        lines=LinesConfig(most_documents=20),
        tokenizer=SentencePieceConfig(kind="bpe", vocab_size=32_000, training_bytes=60_000_000),
    )
