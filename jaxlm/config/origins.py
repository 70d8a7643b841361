"""Where each value of a recipe was written: a best effort on the recipe's source."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxlm.config.fields import get, sections, settings


def recipe_origins(config: Any, recipe: Path) -> dict[str, str]:
    """Maps every leaf setting to the line that decided it.

    A keyword in the recipe, or in the recipes that it imports, is the origin of a value. A value
    equal to its default that no keyword names comes from the dataclass; any other one comes from
    code that is not followed, and gets the recipe's path.
    """
    lines: dict[str, str] = {}
    for path in reversed(list(_recipe_files(recipe))):
        lines |= _Keywords(config, path).lines
    origins = {}
    for setting in settings(config):
        # A setting of a section that is absent has its default once the section is switched on.
        is_default = get(config, setting.path) in (setting.default, None)
        fallback = f"default, {setting.line}" if is_default else str(recipe)
        origins[setting.path] = lines.get(setting.path, fallback)
    return origins


def _recipe_files(recipe: Path) -> Iterator[Path]:
    """The recipe and, after it, the recipes that it imports."""
    yield recipe
    for node in ast.walk(_parse(recipe)):
        if isinstance(node, ast.ImportFrom) and node.module in sys.modules:
            module = sys.modules[node.module]
            if hasattr(module, "get_config") and module.__file__:
                yield from _recipe_files(_shown(Path(module.__file__)))


def _shown(path: Path) -> Path:
    """The path as a user would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


class _Keywords:
    """Collects the line of every keyword that gives a setting in one file."""

    def __init__(self, config: Any, path: Path) -> None:
        self.path = path
        self.lines: dict[str, str] = {}
        self.sections = {name for name, _ in sections(config)}
        self.prefix_of_class = {
            type(section).__name__: f"{name}." if name else "" for name, section in sections(config)
        }
        self._visit(_parse(path), None)

    def _visit(self, node: ast.AST, prefix: str | None) -> None:
        """Walks a node that stands at the dotted prefix, or at a place of its own."""
        if isinstance(node, ast.Tuple) and prefix is not None:  # a list of sections
            for number, element in enumerate(node.elts):
                self._visit(element, f"{prefix}{number}.")
            return
        if not isinstance(node, ast.Call):
            for child in ast.iter_child_nodes(node):
                self._visit(child, None)
            return
        prefix = self._prefix(node) if prefix is None else prefix
        for argument in node.args:
            self._visit(argument, None)
        for keyword in node.keywords:
            if prefix is not None and keyword.arg:
                self.lines[f"{prefix}{keyword.arg}"] = f"{self.path}:{keyword.lineno}"
                self._visit(keyword.value, f"{prefix}{keyword.arg}.")
            else:
                self._visit(keyword.value, None)

    def _prefix(self, call: ast.Call) -> str | None:
        """The section that a call builds: by its class, or by what `replace` starts from."""
        function = ast.unparse(call.func).rpartition(".")[2]
        if function != "replace" or not call.args:
            return self.prefix_of_class.get(function)
        start = ast.unparse(call.args[0])
        for section in self.sections - {""}:
            if start == section or start.endswith(f".{section}"):
                return f"{section}."
        return ""
