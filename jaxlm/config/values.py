"""From the text of a command line to a typed value, and from any value to its type check."""

import dataclasses
import math
import re
import typing
from types import NoneType, UnionType
from typing import Any, Literal

from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveTypeInfo,
    UnsupportedTypeAnnotationError,
)

_COMMA = re.compile(r"(?<!\\),")
_WORDS = {int: "an integer", float: "a finite number", bool: "true or false", str: "text"}


def from_text(text: str, annotation: Any) -> Any:
    r"""Reads a value as the annotation says.

    `true` and `false` are booleans, `none` is the absent value of an optional setting, and commas
    separate the elements of a tuple (`\,` is a comma within one).

    Raises:
      ValueError: The text does not spell a value of that type.
    """
    if text.lower() == "none" and NoneType in typing.get_args(annotation):
        return None
    annotation = _present(annotation)
    if typing.get_origin(annotation) is tuple:
        parts = [part.replace("\\,", ",") for part in _COMMA.split(text)] if text else []
        types = _element_types(annotation, len(parts))
        return tuple(from_text(part, t) for part, t in zip(parts, types, strict=True))
    if annotation is bool:
        text = text.capitalize()
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(annotation, set()))
    if isinstance(spec, UnsupportedTypeAnnotationError):
        raise ValueError(f"{expected(annotation)} cannot be given on the command line")
    if spec.choices is not None and text not in spec.choices:
        raise ValueError(f"{text} is not one of {spec.choices}")
    value = spec.instance_from_str([text])
    if not fits(value, annotation):
        raise ValueError(f"{text} is not {expected(annotation)}")
    return value


def fits(value: Any, annotation: Any) -> bool:
    """True when a value has the annotated type; an integer is a number, a boolean is neither."""
    origin = typing.get_origin(annotation)
    if origin in (UnionType, typing.Union):
        return any(fits(value, t) for t in typing.get_args(annotation))
    if origin is Literal:
        choices = typing.get_args(annotation)
        return any(value == choice and type(value) is type(choice) for choice in choices)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        try:
            types = _element_types(annotation, len(value))
        except ValueError:
            return False
        return all(fits(v, t) for v, t in zip(value, types, strict=True))
    if annotation is float:
        return type(value) in (int, float) and math.isfinite(value)
    if annotation is int:
        return type(value) is int
    return isinstance(value, annotation)


def canonical(value: Any, annotation: Any) -> Any:
    """Spells a fitting value in one way: a number that is declared `float` becomes a float."""
    annotation = _present(annotation) if value is not None else annotation
    if annotation is float:
        return float(value)
    if typing.get_origin(annotation) is tuple:
        types = _element_types(annotation, len(value))
        return tuple(canonical(v, t) for v, t in zip(value, types, strict=True))
    return value


def expected(annotation: Any) -> str:
    """The annotation in a reader's words."""
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin in (UnionType, typing.Union):
        words = [expected(t) for t in arguments if t is not NoneType]
        return " or ".join([*words, "none"] if NoneType in arguments else words)
    if origin is Literal:
        return f"one of {', '.join(str(choice) for choice in arguments)}"
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return f"a tuple (separated by commas on the command line), each {expected(arguments[0])}"
    if origin is tuple:
        return f"{len(arguments)} values separated by commas"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def choices(annotation: Any) -> tuple[str, ...]:
    """The names that a setting may take, if it is a choice."""
    annotation = _present(annotation)
    if typing.get_origin(annotation) is Literal:
        return tuple(str(choice) for choice in typing.get_args(annotation))
    return ()


def to_text(value: Any) -> str:
    """Spells a value as the command line takes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(to_text(element).replace(",", "\\,") for element in value) or "(empty)"
    if isinstance(value, str):
        return repr(value) if value == "" or not value.isprintable() else value
    return f"{type(value).__name__}(...)" if dataclasses.is_dataclass(value) else str(value)


def _present(annotation: Any) -> Any:
    """The annotation without none, where one type is left."""
    if typing.get_origin(annotation) in (UnionType, typing.Union):
        rest = [t for t in typing.get_args(annotation) if t is not NoneType]
        return rest[0] if len(rest) == 1 else annotation
    return annotation


def _element_types(annotation: Any, count: int) -> tuple[Any, ...]:
    arguments = typing.get_args(annotation)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return (arguments[0],) * count
    if len(arguments) != count:
        raise ValueError(f"{len(arguments)} values, not {count}")
    return arguments
