"""Versions of what decides the content of a corpus."""

import functools
import importlib.metadata
import platform
import unicodedata

_LIBRARIES = (
    "ftfy",
    "numpy",
    "opencc",
    "py3langid",
    "pyarrow",
    "sentencepiece",
    "tokenizers",
    "trafilatura",
    "warcio",
)


@functools.cache
def versions() -> dict[str, str]:
    """Python, Unicode and the libraries of the shop; `none` where one is not installed."""
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "unicode": unicodedata.unidata_version,
        **{name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
