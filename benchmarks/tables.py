"""What every benchmark prints: Markdown tables, and one line on where and when it ran."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def circumstances(**more: str) -> str:
    """Date, machine and versions, without which a figure means nothing.

    Args:
      more: Further facts by name, such as the version of a peer.
    """
    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "processor": f"{os.cpu_count()} x {_processor()}",
        "python": platform.python_version(),
        "jax": importlib.metadata.version("jax"),
        "jaxlib": importlib.metadata.version("jaxlib"),
        **more,
    }
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def number(value: float | None, form: str = ".4g") -> str:
    """A number in a format, or n/a."""
    return "n/a" if value is None else format(value, form)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
