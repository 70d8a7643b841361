"""What `benchmarks.data` runs: read, NFC, Gopher's rules, copies, report; no tokens."""

from jaxlm.data.filters.pii import PiiConfig
from jaxlm.data.normalise import NormaliseConfig
from jaxlm.data.shop.config import PrepareConfig, SourceConfig, TokensConfig


def get_config() -> PrepareConfig:
    return PrepareConfig(
        name="benchmark",
        sources=(
            SourceConfig(
                name="text",
                path=("text/*.jsonl.gz",),
                id_field="id",
                rules=("gopher_repetition", "gopher_quality"),
            ),
        ),
        normalise=NormaliseConfig(form="NFKC"),
        pii=PiiConfig(email=False, ip=False, card=False, phone=False),
        tokens=TokensConfig(make=False),
    )
