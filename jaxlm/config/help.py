"""The text of `python -m jaxlm.train --help`: every section and setting."""

import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from jaxlm.config.fields import Setting, get, implementations, settings, types_of
from jaxlm.config.schema import TrainConfig
from jaxlm.config.values import expected, to_text

_USAGE = """\
usage: python -m jaxlm.train RECIPE [section.field=value ...] [run_dir=DIR] [--dry-run]

Trains the model that a recipe describes.

  RECIPE               a file such as configs/quickstart.py, or the config.json of an earlier run
  section.field=value  changes one setting; commas separate several values, `none` leaves one out
  run_dir=DIR          directory of the run; one that has a checkpoint is resumed
  --dry-run            show the configuration and its cost, touch nothing
  --help               this text; after a recipe, with the recipe's values
"""


def help_text(config: TrainConfig | None) -> str:
    """Lists all sections and settings with their values and documentation.

    Args:
      config: The recipe's configuration, whose values are shown; none shows the defaults.
    """
    roots = [s for s in settings(TrainConfig if config is None else config) if "." not in s.path]
    blocks = [_USAGE, "\n".join(["Run", *(_setting_lines(s, config) for s in roots)])]
    for name, annotation in types_of(TrainConfig).items():
        if dataclasses.is_dataclass(annotation):
            owners = _owners(annotation, getattr(config, name, None))  # type: ignore[arg-type]
            blocks += [_section(name, owner, config) for owner in owners]
    return "\n\n".join(block.rstrip() for block in blocks)


def _owners(declared: type, section: Any) -> list[type]:
    return implementations(declared) if section is None else [type(section)]


def _section(name: str, owner: type, config: TrainConfig | None) -> str:
    summary = inspect.cleandoc(owner.__doc__ or "").partition("\n\n")[0]
    header = _wrap(f"{name} ({owner.__name__}): {summary}", "  ", first="")
    section = owner if config is None else getattr(config, name)
    return "\n".join([header, *_lines(settings(section, f"{name}."), config)])


def _lines(found: Iterator[Setting], config: TrainConfig | None) -> Iterator[str]:
    return (_setting_lines(setting, config) for setting in found)


def _setting_lines(setting: Setting, config: TrainConfig | None) -> str:
    parent = setting.path.rpartition(".")[0]
    is_absent = config is None or (parent and get(config, parent) is None)
    value = setting.default if is_absent else get(config, setting.path)
    shown = "(required)" if value is dataclasses.MISSING else to_text(value)
    first = f"  {setting.path} = {shown}"
    return f"{first}\n{_wrap(f'{setting.doc} ({expected(setting.type)})', '      ')}"


def _wrap(text: str, indent: str, first: str | None = None) -> str:
    initial = indent if first is None else first
    return textwrap.fill(text, 100, initial_indent=initial, subsequent_indent=indent)
