"""`jaxlm NAME ...` does what `python -m jaxlm.NAME ...` does. Imports nothing heavy."""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import jaxlm
from jaxlm.errors import UserError, run_main
from jaxlm.spelling import nearest

COMMANDS = {
    "train": "train the model that a recipe describes",
    "generate": "sample text from a trained model",
    "evaluate": "loss, perplexity and bits per byte on held-out data",
    "data.prepare": "raw documents to a clean corpus, a token store and a report",
    "data.analyse": "statistics of text, as a page and as JSON",
    "data": "verify, view, compare, export and import token stores",
    "tokenizers": "train, compare, extend and export tokenizers",
}
"""One line for each module that may be an entry point."""


def commands(package: Path | None = None) -> dict[str, str]:
    """The commands whose module is there and can be run, with a line on each.

    Args:
      package: Folder of the package; that of jaxlm by default.
    """
    folder = Path(jaxlm.__file__).parent if package is None else package
    return {name: line for name, line in COMMANDS.items() if _is_runnable(folder, name)}


def _is_runnable(folder: Path, name: str) -> bool:
    path = folder.joinpath(*name.split("."))
    module = path / "__main__.py" if path.is_dir() else path.with_name(f"{path.name}.py")
    return module.is_file() and '__name__ == "__main__"' in module.read_text(encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the `jaxlm` program."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    run_main(lambda: _dispatch(arguments))


def _dispatch(arguments: list[str]) -> int:
    available = commands()
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(_usage(available))
        return 0
    if name == "--version":
        print(jaxlm.__version__)
        return 0
    if name not in available:
        close = nearest(name, available, limit=1)
        meant = f"; the nearest: {close[0]}" if close else ""
        raise UserError(f"unknown command {name}{meant}\n\n{_usage(available)}")
    # As a program of its own, so that both spellings share every line, exit codes included.
    sys.argv = [f"jaxlm {name}", *arguments[1:]]
    runpy.run_module(f"jaxlm.{name}", run_name="__main__", alter_sys=True)
    return 0


def _usage(available: dict[str, str]) -> str:
    lines = [f"  {name:<14}{line}" for name, line in available.items()]
    return "\n".join(
        [
            "usage: jaxlm COMMAND [ARGUMENT ...]",
            "",
            *lines,
            "",
            "`jaxlm COMMAND --help` tells more; `jaxlm --version` prints the version.",
        ]
    )
