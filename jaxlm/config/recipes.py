"""Recipes: Python files whose `get_config()` returns a configuration."""

import importlib.util
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxlm.config.root import Root
from jaxlm.errors import UserError
from jaxlm.spelling import nearest

_UNEXPECTED = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")


def known_recipes(folder: Path) -> list[str]:
    """The recipes in a folder, as paths to type."""
    return [str(path) for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]


def run_recipe(path: Path, root: Root) -> Any:
    """Runs a recipe; returns a configuration of the root's class.

    Raises:
      UserError: There is no such recipe, or it fails; with the nearest ones, or the line.
    """
    if not path.is_file() or path.suffix != ".py":
        raise UserError(_not_a_recipe(path, root))
    module = _load_module(path)
    get_config = getattr(module, "get_config", None)
    if not callable(get_config):
        raise UserError(
            f"{path}:1: the recipe has no get_config(); define "
            f"`def get_config() -> {root.config.__name__}`, as {root.example} does"
        )
    config = _guarded(path, get_config)
    if not isinstance(config, root.config):
        line = get_config.__code__.co_firstlineno if hasattr(get_config, "__code__") else 1
        kind = type(config).__name__
        raise UserError(
            f"{path}:{line}: get_config() returned {kind}, not a {root.config.__name__}"
        )
    return config


def _not_a_recipe(path: Path, root: Root) -> str:
    if path.is_dir():
        if (path / "config.json").is_file():
            return f"{path} is a directory; to repeat that run, give {path / 'config.json'}"
        why = f"{path} is a directory, not a recipe"
    elif path.is_file():
        why = f"{path} is neither a recipe (.py) nor a config.json"
    else:
        why = f"there is no recipe {path}"
    folder = path.parent if path.parent != Path(".") and path.parent.is_dir() else root.recipes
    recipes = {Path(recipe).stem: recipe for recipe in known_recipes(folder)}
    if not recipes:
        return f"{why}; {folder}/ has no recipes: run from the folder that holds {root.recipes}/"
    close = nearest(path.stem, recipes)
    listed = "\n".join(f"  {recipes[name]}" for name in [*close, *(recipes.keys() - set(close))])
    return f"{why}; the nearest recipes:\n{listed}"


def _load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_recipe_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A variant imports its parent as `configs.parent`; last, so that it shadows nothing.
    root = str(path.resolve().parent.parent)
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.append(root)
    try:
        _guarded(path, lambda: spec.loader.exec_module(module))
    finally:
        sys.path.remove(root)
        sys.dont_write_bytecode = writes_bytecode
    return module


def _guarded(path: Path, call: Any) -> Any:
    """Calls into a recipe; what it raises becomes a message with the recipe's line."""
    try:
        return call()
    except UserError:
        raise
    except SyntaxError as error:
        raise UserError(f"{error.filename or path}:{error.lineno}: {error.msg}") from None
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_recipe(f, path)]
        where = f"{path}:{frames[-1].lineno}" if frames else str(path)
        line = f"\n  {frames[-1].line}" if frames and frames[-1].line else ""
        message = f"{where}: the recipe raised {type(error).__name__}: {error}{_meant(error)}{line}"
        raise UserError(message) from None


def _is_recipe(frame: traceback.FrameSummary, path: Path) -> bool:
    return Path(frame.filename).resolve() == path.resolve()


def _meant(error: Exception) -> str:
    """Names the nearest field after a keyword that a configuration class does not have."""
    match = _UNEXPECTED.search(str(error))
    if match is None:
        return ""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    owners = [frame.f_globals[match[1]] for frame in frames if match[1] in frame.f_globals]
    fields = [name for owner in owners for name in getattr(owner, "__dataclass_fields__", ())]
    close = nearest(match[2], fields)
    return f"; the nearest fields: {', '.join(close)}" if close else ""
