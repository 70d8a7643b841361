"""The settings that a configuration has: name, type, default, documentation, line of definition."""

import ast
import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One field of a configuration dataclass, at its place in the whole configuration.

    Attributes:
      path: Dotted name from the root.
      owner: The dataclass that declares the field.
      name: The field's own name.
      type: The resolved annotation.
      doc: Its text in the dataclass's `Attributes`, or in the root's own words.
    """

    path: str
    owner: type
    name: str
    type: Any
    doc: str

    @property
    def default(self) -> Any:
        """The default, or `dataclasses.MISSING` for a required field."""
        field = {f.name: f for f in dataclasses.fields(self.owner)}[self.name]
        return field.default_factory() if field.default_factory is not MISSING else field.default

    @property
    def line(self) -> str:
        """Where the field is declared, as `jaxlm/optim/config.py:24`."""
        return field_line(self.owner, self.name)


def is_config(value: Any) -> bool:
    """True of a dataclass instance that stands for a section."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def types_of(owner: type) -> dict[str, Any]:
    """The resolved annotation of each field of a dataclass."""
    hints = typing.get_type_hints(owner)
    return {field.name: hints[field.name] for field in dataclasses.fields(owner)}


def optional_section(annotation: Any) -> type | None:
    """The dataclass D of an annotation `D | None`."""
    if isinstance(annotation, UnionType):
        found = [t for t in typing.get_args(annotation) if dataclasses.is_dataclass(t)]
        if NoneType in typing.get_args(annotation) and len(found) == 1:
            return typing.cast(type, found[0])
    return None


def element_section(annotation: Any) -> type | None:
    """The dataclass D of an annotation `tuple[D, ...]`: a list of sections."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return arguments[0] if dataclasses.is_dataclass(arguments[0]) else None  # type: ignore[return-value]
    return None


def implementations(declared: type) -> list[type]:
    """The classes that can stand where one is declared: those of its folder if it is abstract."""
    if not inspect.isabstract(declared):
        return [declared]
    package = importlib.import_module(declared.__module__.rpartition(".")[0])
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    found: list[type] = declared.__subclasses__()
    return [owner for owner in found if not inspect.isabstract(owner)]


def settings(config: Any, prefix: str = "") -> Iterator[Setting]:
    """Walks the leaf settings of a configuration, or of a section's class, as declared.

    An optional section counts as a leaf, since it can be set to none, and its fields follow even
    where it is none, since setting one of them switches it on. A section whose value is of a wrong
    class counts as a leaf. The sections of a list have its name and their number: `sources.0.path`.
    """
    owner: type = config if isinstance(config, type) else type(config)
    docs = attribute_docs(owner)
    for name, annotation in types_of(owner).items():
        path = f"{prefix}{name}"
        value = None if owner is config else getattr(config, name)
        optional = optional_section(annotation)
        declared = optional or annotation
        is_section = dataclasses.is_dataclass(declared) and isinstance(value, declared)
        is_absent = owner is config and dataclasses.is_dataclass(annotation)
        if element_section(annotation) and isinstance(value, tuple):
            for number, element in enumerate(value):
                yield from settings(element, f"{path}.{number}.")
            continue
        if optional is not None or not (is_section or is_absent):
            yield Setting(
                path=path, owner=owner, name=name, type=annotation, doc=docs.get(name, "")
            )
        if is_section or optional is not None:
            yield from settings(value if is_section else optional, f"{path}.")


def leaves(config: Any) -> Iterator[Setting]:
    """Walks the leaf settings that a configuration has, without those of absent sections."""
    for setting in settings(config):
        parent, _, _ = setting.path.rpartition(".")
        optional = optional_section(setting.type)
        is_present = optional is not None and isinstance(get(config, setting.path), optional)
        if not is_present and (not parent or get(config, parent) is not None):
            yield setting


def sections(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Walks a configuration's dataclasses as (dotted path, instance), the root first as ''."""
    yield prefix.removesuffix("."), config
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if is_config(value):
            yield from sections(value, f"{prefix}{field.name}.")
        elif isinstance(value, tuple):
            for number, element in enumerate(value):
                if is_config(element):
                    yield from sections(element, f"{prefix}{field.name}.{number}.")


def get(config: Any, path: str) -> Any:
    """The value at a dotted path; none below an optional section that is none."""
    for name in path.split("."):
        config = config[int(name)] if name.isdigit() else getattr(config, name, None)
    return config


def put(config: Any, path: str, value: Any) -> Any:
    """A copy of the configuration with one value changed, whatever checks it still has to pass."""
    name, _, rest = path.partition(".")
    if name.isdigit():
        number = int(name)
        return (*config[:number], put(config[number], rest, value), *config[number + 1 :])
    if rest:
        section = getattr(config, name)
        if section is None:
            section = optional_section(types_of(type(config))[name])()  # type: ignore[misc]
        value = put(section, rest, value)
    return dataclasses.replace(config, **{name: value})


@functools.cache
def attribute_docs(owner: type) -> dict[str, str]:
    """The text of each attribute in the Google-form docstrings of a dataclass and its bases."""
    docs: dict[str, str] = {}
    for base in reversed(owner.__mro__):
        _, _, block = inspect.cleandoc(base.__doc__ or "").partition("\nAttributes:\n")
        entries = re.findall(r"^  (\w+): (.*(?:\n {4,}.*)*)", block, flags=re.MULTILINE)
        docs |= {name: " ".join(text.split()) for name, text in entries}
    return docs


@functools.cache
def field_line(owner: type, name: str) -> str:
    """The file and line that declare a field, the file relative to the package's parent."""
    declaring = next(
        base for base in owner.__mro__ if name in vars(base).get("__annotations__", {})
    )
    path = Path(inspect.getsourcefile(declaring) or "")
    shown = "/".join(path.parts[-len(declaring.__module__.split(".")) :])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == declaring.__name__:
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and ast.unparse(item.target) == name:
                    return f"{shown}:{item.lineno}"
    return shown
