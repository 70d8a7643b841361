"""A configuration as JSON and back, exactly; its digest; what differs between two of them."""

import ast
import dataclasses
import hashlib
import importlib
import inspect
import json
import re
import typing
from pathlib import Path
from typing import Any

import jaxlm
from jaxlm.config.checks import type_problems
from jaxlm.config.fields import (
    element_section,
    implementations,
    is_config,
    optional_section,
    types_of,
)
from jaxlm.config.problems import Given, Problem, usage_error
from jaxlm.config.schema import TrainConfig
from jaxlm.config.values import canonical, fits
from jaxlm.spelling import nearest

T = typing.TypeVar("T")

_TYPE_NAME = re.compile(r"jaxlm(\.[a-z][a-z0-9_]*)+\.[A-Z][A-Za-z0-9]*")


def to_json(config: Any) -> dict[str, Any]:
    """A configuration as plain JSON values; each section names its class under `type`."""
    result: dict[str, Any] = {"type": _type_name(type(config))}
    for name, annotation in types_of(type(config)).items():
        value = getattr(config, name)
        if is_config(value):
            result[name] = to_json(value)
        elif element_section(annotation):
            result[name] = [to_json(element) for element in value]
        else:
            result[name] = _leaf_to_json(value, annotation)
    return result


def _leaf_to_json(value: Any, annotation: Any) -> Any:
    value = canonical(value, annotation) if fits(value, annotation) else value
    return list(value) if isinstance(value, tuple) else value


def from_json(data: Any, where: str = "config.json") -> TrainConfig:
    """Rebuilds the configuration that `to_json` wrote.

    Raises:
      UserError: Something is unknown, missing or of a wrong type; all of it in one message.
    """
    config, problems = read(data, where, TrainConfig)
    if config is not None:
        problems += [p.with_origins(lambda path: f"{where}: {path}") for p in type_problems(config)]
    if config is None or problems:
        raise usage_error(problems, f"of {where}")
    return config


def read(data: Any, where: str, owner: type[T]) -> tuple[T | None, list[Problem]]:
    """Builds a configuration whose leaf values are still to be checked against their types.

    Args:
      data: Parsed JSON.
      where: The file, for messages.
      owner: Class of the configuration.

    Returns:
      The configuration, or none if it cannot be built, and the problems of names and classes.
    """
    problems: list[Problem] = []
    config = _section(data, owner, "", where, problems)
    return typing.cast("T | None", config), problems


def _section(data: Any, declared: type, path: str, where: str, problems: list[Problem]) -> Any:
    """The dataclass that a JSON object stands for; none after a problem that prevents it."""
    if not isinstance(data, dict):
        name = declared.__name__
        problems.append(_problem("wrong type", path, data, where, f"an object ({name})"))
        return None
    owner = _class(data.get("type"), declared, _join(path, "type"), where, problems)
    if owner is None:
        return None
    types = types_of(owner)
    for name in sorted(data.keys() - types.keys() - {"type"}):
        text = f"a field of {owner.__name__}"
        problem = _problem("unknown setting", _join(path, name), data[name], where, text)
        closest = tuple(_join(path, near) for near in nearest(name, types))
        problems.append(dataclasses.replace(problem, nearest=closest))
    values = {}
    for field in dataclasses.fields(owner):
        inner = _join(path, field.name)
        if field.name in data:
            value = _value(data[field.name], types[field.name], inner, where, problems)
            values[field.name] = value
        elif _is_required(field):
            expected = f"a value: {owner.__name__} has no default for it"
            problems.append(_problem("missing setting", inner, None, where, expected))
    required = {field.name for field in dataclasses.fields(owner) if _is_required(field)}
    broken = [n for n in values if values[n] is None and dataclasses.is_dataclass(types[n])]
    return None if broken or required - values.keys() else owner(**values)


def _value(data: Any, annotation: Any, path: str, where: str, problems: list[Problem]) -> Any:
    section = optional_section(annotation)
    if section is None and dataclasses.is_dataclass(annotation):
        section = typing.cast(type, annotation)
    elif data is None:
        return None
    if section is not None:
        return _section(data, section, path, where, problems)
    if (element := element_section(annotation)) and isinstance(data, list):
        found = [
            _section(item, element, f"{path}.{number}", where, problems)
            for number, item in enumerate(data)
        ]
        return tuple(item for item in found if item is not None)
    return tuple(data) if isinstance(data, list) else data


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _class(
    name: Any, declared: type, path: str, where: str, problems: list[Problem]
) -> type | None:
    """Finds a class by name, among frozen dataclasses that modules of jaxlm define, and no other.

    A config.json may come from anywhere: a name that could import or call anything else would let
    the file run code.
    """
    owner = None
    if isinstance(name, str) and _TYPE_NAME.fullmatch(name) and _is_defined(name):
        module, _, class_name = name.rpartition(".")
        owner = getattr(importlib.import_module(module), class_name, None)
    if owner is not None and _is_frozen_dataclass(owner) and issubclass(owner, declared):
        return typing.cast(type, owner)
    base = _type_name(declared)
    expected = f"the frozen dataclass {base} or one derived from it"
    problem = _problem("unknown class", path, name, where, expected)
    closest = nearest(str(name), map(_type_name, implementations(declared)), limit=1)
    problems.append(dataclasses.replace(problem, nearest=closest))
    return None


def _is_defined(name: str) -> bool:
    """True when the source of the named module defines the named class; imports nothing."""
    module, _, class_name = name.rpartition(".")
    path = Path(jaxlm.__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
    if not path.is_file():
        return False
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.ClassDef) and node.name == class_name for node in body)


def _is_frozen_dataclass(owner: Any) -> bool:
    return (
        isinstance(owner, type)
        and dataclasses.is_dataclass(owner)
        and not inspect.isabstract(owner)
        and owner.__dataclass_params__.frozen  # type: ignore[attr-defined]
    )


def _type_name(owner: type) -> str:
    return f"{owner.__module__}.{owner.__qualname__}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _problem(what: str, path: str, value: Any, where: str, expected: str) -> Problem:
    shown = "" if value is None else json.dumps(value)
    setting = Given(path=path, value=shown[:80], origin=f"{where}: {path}" if path else where)
    return Problem(what=what, settings=(setting,), expected=expected)


def digest(config: Any) -> str:
    """SHA-256, in hexadecimal, of the configuration as canonical JSON."""
    text = json.dumps(to_json(config), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def diff(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """The leaf values that differ, as (dotted path, old, new); an absent one counts as none."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    paths = [*before, *(path for path in after if path not in before)]
    return [
        (path, before.get(path), after.get(path))
        for path in paths
        if before.get(path) != after.get(path)
    ]


def _leaves(data: dict[str, Any], prefix: str = "") -> typing.Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
