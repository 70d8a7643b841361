"""The text of `--help`: every section and setting of a configuration."""

import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from jaxlm.config.fields import Setting, get, implementations, settings, types_of
from jaxlm.config.root import Root
from jaxlm.config.values import expected, to_text


def help_text(root: Root, config: Any | None) -> str:
    """Lists all sections and settings with their values and documentation.

    Args:
      root: The kind of configuration.
      config: The recipe's configuration, whose values are shown; none shows the defaults.
    """
    roots = [s for s in settings(config or root.config) if "." not in s.path]
    blocks = [root.usage, "\n".join([root.title, *(_setting_lines(s, config) for s in roots)])]
    for name, annotation in types_of(root.config).items():
        if dataclasses.is_dataclass(annotation):
            owners = _owners(annotation, getattr(config, name, None))  # type: ignore[arg-type]
            blocks += [_section(name, owner, config) for owner in owners]
    return "\n\n".join(block.rstrip() for block in blocks)


def _owners(declared: type, section: Any) -> list[type]:
    return implementations(declared) if section is None else [type(section)]


def _section(name: str, owner: type, config: Any | None) -> str:
    summary = inspect.cleandoc(owner.__doc__ or "").partition("\n\n")[0]
    header = _wrap(f"{name} ({owner.__name__}): {summary}", "  ", first="")
    section = owner if config is None else getattr(config, name)
    return "\n".join([header, *_lines(settings(section, f"{name}."), config)])


def _lines(found: Iterator[Setting], config: Any | None) -> Iterator[str]:
    return (_setting_lines(setting, config) for setting in found)


def _setting_lines(setting: Setting, config: Any | None) -> str:
    parent = setting.path.rpartition(".")[0]
    is_absent = config is None or (parent and get(config, parent) is None)
    value = setting.default if is_absent else get(config, setting.path)
    shown = "(required)" if value is dataclasses.MISSING else to_text(value)
    first = f"  {setting.path} = {shown}"
    return f"{first}\n{_wrap(f'{setting.doc} ({expected(setting.type)})', '      ')}"


def _wrap(text: str, indent: str, first: str | None = None) -> str:
    initial = indent if first is None else first
    return textwrap.fill(text, 100, initial_indent=initial, subsequent_indent=indent)
