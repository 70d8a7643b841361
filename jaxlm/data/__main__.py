"""Looks into token stores, and carries them to other formats and back.

python -m jaxlm.data verify STORE
python -m jaxlm.data view STORE [--split train] [--source NAME] [--first N] [--count N]
python -m jaxlm.data view RUN_DIR --step N
python -m jaxlm.data diff STORE STORE
python -m jaxlm.data export STORE FOLDER [--format parquet|array_record]
python -m jaxlm.data import FOLDER STORE
"""

from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path

from jaxlm.data import diff, exchange, verify, view
from jaxlm.errors import ArgumentParser, ExitCode, UserError, run_main


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the commands; returns the exit code, which for `diff` is 1 when stores differ."""
    chosen = _parser().parse_args(arguments)
    return _COMMANDS[chosen.command](chosen)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m jaxlm.data",
        description=__doc__,
        formatter_class=RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    checked = commands.add_parser("verify", help="read every file again and say what is damaged")
    checked.add_argument("store", type=Path)
    _add_view(commands.add_parser("view", help="show a store, or the rows of one step of a run"))
    compared = commands.add_parser("diff", help="say how two stores differ; exit code 1 if they do")
    compared.add_argument("first", type=Path)
    compared.add_argument("second", type=Path)
    exported = commands.add_parser("export", help="write a store's documents in another format")
    exported.add_argument("store", type=Path)
    exported.add_argument("folder", type=Path)
    exported.add_argument("--format", choices=sorted(exchange.FORMATS), default="parquet")
    imported = commands.add_parser("import", help="make a store of an exported folder")
    imported.add_argument("folder", type=Path)
    imported.add_argument("store", type=Path)
    return parser


def _add_view(parser: ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="a token store, or with --step a run's directory")
    parser.add_argument("--step", type=int, help="step of the run, from 1")
    # No defaults here, so that one that is given beside --step can be told from one that is not.
    parser.add_argument("--split", help="default: train")
    parser.add_argument("--source", help="only this source")
    parser.add_argument("--first", type=int, help="first document; default: 0")
    parser.add_argument("--count", type=int, help="documents of each source; default: 3")
    parser.add_argument("--characters", type=int, default=300, help="of each text; 0 shows all")


def _view(chosen: Namespace) -> int:
    options = {name: getattr(chosen, name) for name in ("split", "source", "first", "count")}
    given = {name: value for name, value in options.items() if value is not None}
    if min(given.get("first", 0), given.get("count", 0), chosen.characters) < 0:
        raise UserError("--first, --count and --characters are 0 or more")
    if chosen.step is not None:
        if given:
            names = ", ".join(f"--{name}" for name in given)
            raise UserError(f"--step shows all rows of a step; {names} choose documents of a store")
        lines = view.view_step(chosen.path, chosen.step, chosen.characters)
    else:
        lines = view.view_store(chosen.path, characters=chosen.characters, **given)
    for line in lines:
        print(line)
    return ExitCode.DONE


def _export(chosen: Namespace) -> int:
    exchange.export_store(chosen.store, chosen.folder, chosen.format)
    print(f"wrote {chosen.folder}")
    return ExitCode.DONE


def _import(chosen: Namespace) -> int:
    store = exchange.import_store(chosen.folder, chosen.store)
    print(f"made {chosen.store}: digest {store.digest}")
    return ExitCode.DONE


_COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "verify": lambda chosen: verify.verify(chosen.store),
    "view": _view,
    "diff": lambda chosen: diff.diff(chosen.first, chosen.second),
    "export": _export,
    "import": _import,
}

if __name__ == "__main__":
    run_main(main)
