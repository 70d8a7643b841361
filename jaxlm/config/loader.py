"""From a command line to a checked configuration: recipe or config.json, then overrides.

Every mistake is collected first and reported in one message; no value is accepted that nothing
reads, and every value knows where it came from.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, NoReturn

from jaxlm.config import serialise
from jaxlm.config.checks import type_problems, wrong_value
from jaxlm.config.fields import get, leaves, put, sections, settings
from jaxlm.config.origins import recipe_origins
from jaxlm.config.problems import Given, Problem, usage_error
from jaxlm.config.recipes import known_recipes, run_recipe
from jaxlm.config.root import Root
from jaxlm.config.training import TRAIN
from jaxlm.config.values import canonical, from_text
from jaxlm.errors import UserError
from jaxlm.spelling import nearest

_FLAGS = ("--dry-run", "--help")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a command line asks for.

    Attributes:
      config: The checked configuration.
      directory: Directory of the results, if one was given.
      dry_run: Whether only to show what would be done.
      origins: Where each leaf setting came from, by dotted path.
      source: The recipe or config.json.
    """

    config: Any
    directory: Path | None
    dry_run: bool
    origins: dict[str, str]
    source: Path


def load(
    argv: Sequence[str], num_devices: Callable[[], int] | None = None, root: Root = TRAIN
) -> Loaded:
    """Reads `RECIPE [section.field=value ...] [run_dir=DIR] [--dry-run]`.

    Args:
      argv: Arguments without the program's name. `--help` prints all settings, with the values of
        the recipe if one is given, and leaves with exit code 0.
      num_devices: Counts the devices of the run, for the checks that depend on them. Called once,
        after the recipe has been read.
      root: The command's kind of configuration.

    Raises:
      UserError: With every problem in one message.
    """
    if {"-h", "--help"} & set(argv):
        _help(argv, root)
    base, problems, origins, source = _read_base(argv, root)
    draft = _Draft(base, origins, problems, source, root)
    recipe_number = _recipe_index(argv)
    for number, argument in enumerate(argv):
        if number != recipe_number and argument not in _FLAGS:
            draft.override(argument, f"command line argument {number + 1}")
    config = draft.checked(num_devices() if num_devices is not None else None)
    return Loaded(
        config=config,
        directory=Path(draft.directory) if draft.directory is not None else None,
        dry_run="--dry-run" in argv,
        origins={setting.path: draft.origins[setting.path] for setting in leaves(config)},
        source=source,
    )


def _help(argv: Sequence[str], root: Root) -> NoReturn:
    """Prints all settings, with the recipe's values if one is given, and leaves."""
    from jaxlm.config.help import help_text

    config = None if _recipe_index(argv) is None else _read_base(argv, root)[0]
    print(help_text(root, config))
    raise SystemExit(0)


def _recipe_index(argv: Sequence[str]) -> int | None:
    """The place of the first argument that is neither a setting nor an option."""
    places = (i for i, text in enumerate(argv) if not text.startswith("-") and "=" not in text)
    return next(places, None)


def _read_base(argv: Sequence[str], root: Root) -> tuple[Any, list[Problem], dict[str, str], Path]:
    """Reads the recipe or config.json among the arguments."""
    index = _recipe_index(argv)
    if index is None:
        listed = "\n".join(f"  {recipe}" for recipe in known_recipes(root.recipes)) or "  (none)"
        raise UserError(
            "no recipe on the command line: give a recipe or an earlier config.json, then settings "
            f"as section.field=value; the recipes in {root.recipes}/:\n{listed}"
        )
    source = Path(argv[index])
    if source.suffix == ".json" and source.is_file():
        data = _parse_json(source)
        config, problems = serialise.read(data, str(source), root.config)
        if config is None:
            raise usage_error(problems, f"of {source}")
        return config, problems, _json_origins(config, data, source), source
    config = run_recipe(source, root)
    return config, [], recipe_origins(config, source), source


def _parse_json(source: Path) -> Any:
    try:
        return json.loads(source.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        where = f"{source}:{error.lineno}:{error.colno}"
        raise UserError(f"{where}: not valid JSON: {error.msg}") from None
    except (UnicodeDecodeError, OSError) as error:
        raise UserError(f"{source} cannot be read as JSON text: {error}") from None


def _json_origins(config: Any, data: Any, source: Path) -> dict[str, str]:
    """The key that gave each setting; settings that the file lacks have their defaults."""
    origins = {}
    for setting in settings(config):
        found: Any = data
        for name in setting.path.split("."):
            found = _item(found, name)
        given = f"{source}: {setting.path}"
        origins[setting.path] = f"default, {setting.line}" if found is MISSING else given
    return origins


def _item(data: Any, name: str) -> Any:
    """What stands under a key, or at a number; MISSING where nothing does."""
    if isinstance(data, list) and name.isdigit() and int(name) < len(data):
        return data[int(name)]
    return data.get(name, MISSING) if isinstance(data, dict) else MISSING


class _Draft:
    """A configuration under construction, with all that is wrong with it."""

    def __init__(
        self,
        base: Any,
        origins: dict[str, str],
        problems: list[Problem],
        source: Path,
        root: Root,
    ) -> None:
        self.config = base
        self.origins = origins
        self.problems = problems
        self.source = source
        self.root = root
        self.directory: str | None = None
        self.settings = {setting.path: setting for setting in settings(base)}
        self.given: dict[str, str] = {}

    def override(self, argument: str, origin: str) -> None:
        """Applies one `section.field=value`, or records why not."""
        path, equals, text = argument.partition("=")
        if argument.startswith("-"):
            self._unknown_flag(argument, origin)
        elif not equals:
            wanted = "one recipe, then settings as section.field=value"
            close = (f"{path}=VALUE",) if path in (*self.settings, self.root.directory) else ()
            self._report("unexpected argument", path, "", origin, wanted, close)
        elif path in self.given:
            first = self.given[path]
            self._report("setting given twice", path, text, origin, f"one value; another: {first}")
        elif path == self.root.directory and text:
            self.directory = text
        elif path == self.root.directory:
            self._report("missing value", path, "", origin, "a directory")
        elif path in self.settings:
            self._set(path, text, origin)
        else:
            self._unknown(path, text, origin)
        self.given.setdefault(path, origin)

    def _set(self, path: str, text: str, origin: str) -> None:
        annotation = self.settings[path].type
        try:
            value = from_text(text, annotation)
        except ValueError:
            self.problems.append(wrong_value(path, text, annotation, origin))
            return
        self.config = put(self.config, path, value)
        self.origins[path] = origin

    def _unknown_flag(self, argument: str, origin: str) -> None:
        name, _, text = argument.lstrip("-").partition("=")
        close = nearest(name, [*self.settings, *_FLAGS], limit=1)
        spelt = tuple(n if n in _FLAGS else f"{n}={text or 'VALUE'}" for n in close)
        wanted = "settings as section.field=value; the options are --dry-run and --help"
        self._report("unknown option", argument, "", origin, wanted, spelt)

    def _unknown(self, path: str, text: str, origin: str) -> None:
        named = {name: type(section) for name, section in sections(self.config) if name}
        section = path.rpartition(".")[0]
        if path in named:
            wanted = f"a setting of this section, such as {self._first_of(path)}"
        elif section in named:
            wanted = f"a setting of {section} ({named[section].__name__})"
        else:
            wanted = "the name of a setting"
        close = () if path in named else nearest(path, [*self.settings, self.root.directory])
        what = "a section, not a setting" if path in named else "unknown setting"
        self._report(what, path, text, origin, wanted, close)

    def _first_of(self, section: str) -> str:
        return next(path for path in self.settings if path.startswith(f"{section}."))

    def _report(
        self,
        what: str,
        path: str,
        text: str,
        origin: str,
        wanted: str,
        close: tuple[str, ...] = (),
    ) -> None:
        given = Given(path=path, value=text, origin=origin)
        self.problems.append(Problem(what=what, settings=(given,), expected=wanted, nearest=close))

    def checked(self, num_devices: int | None) -> Any:
        """The configuration in its one spelling, if nothing is wrong with it."""
        wrong_types = type_problems(self.config)
        ill_typed = {problem.settings[0].path for problem in wrong_types}
        self.problems += wrong_types
        usable = self._without(ill_typed)
        if usable is not None:
            self.problems += [
                problem
                for problem in self.root.validate(usable, num_devices)
                if not ill_typed & {given.path for given in problem.settings}
            ]
        if self.problems:
            known = [problem.with_origins(self._origin) for problem in self.problems]
            hint = f"All settings: python -m {self.root.module} {self.source} --help"
            raise usage_error(known, f"of {self.source}", hint)
        return _canonical(self.config)

    def _without(self, ill_typed: set[str]) -> Any | None:
        """The configuration with defaults for ill-typed values, so that the rest can be checked."""
        config: Any = self.config
        for path in ill_typed:
            default = self.settings[path].default
            if default is MISSING:
                return None
            config = put(config, path, default)
        return config

    def _origin(self, path: str) -> str:
        return self.origins.get(path, "")


def _canonical(config: Any) -> Any:
    """Every number in its declared type, so that equal configurations have equal digests."""
    for setting in leaves(config):
        value = canonical(get(config, setting.path), setting.type)
        config = put(config, setting.path, value)
    return config
