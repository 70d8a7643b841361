"""The embedded corpus: the standard library of the running interpreter, as code and as prose.

Nothing is downloaded. A module gives at most two documents under one id: its source without the
docstrings, and the docstrings. Since a document's split follows from its id alone, the code and
the prose of a module always fall on the same side of training and validation.
"""

import ast
import functools
import gc
import os
import platform
import sys
import sysconfig
import tokenize
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jaxlm.errors import ExitCode, UserError

CODE_SHARE = 0.7

# Tests repeat the modules that they test, idlelib and turtledemo are programs, and the others are
# not the interpreter's own source.
_EXCLUDED_FOLDERS = frozenset(
    {
        "__pycache__",
        "_bundled",
        "dist-packages",
        "idlelib",
        "site-packages",
        "test",
        "tests",
        "turtledemo",
    }
)
_GENERATED_PREFIX = "_sysconfigdata"

_STATEMENT_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
_Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Module:
    """One module of the standard library.

    Attributes:
      name: Path below the library's folder with forward slashes; the id of its documents.
      code: Source without docstrings; still parses.
      prose: The docstrings in the order of the source, unindented, with a blank line between.
    """

    name: str
    code: str
    prose: str


def interpreter() -> str:
    """Implementation and exact version, which decide the corpus."""
    return f"{platform.python_implementation()} {sys.version}"


def module_files(root: Path | None = None) -> list[Path]:
    """The corpus's source files in a fixed order.

    Raises:
      UserError: The interpreter was installed without its library's source.
    """
    root = root or Path(sysconfig.get_paths()["stdlib"])
    files = list(_find_files(root))
    if not files:
        raise UserError(
            f"data.path=stdlib: no Python source below {root}; this interpreter comes without the "
            "source of its library. Use another interpreter, or give your own text in data.path",
            ExitCode.UNUSABLE,
        )
    return sorted(files, key=lambda path: path.relative_to(root).as_posix())


@functools.cache
def modules(root: Path | None = None) -> tuple[Module, ...]:
    """All modules of the corpus; parsed once a process, about 14 MB of text."""
    folder = root or Path(sysconfig.get_paths()["stdlib"])
    return tuple(_read_modules(folder, module_files(root)))


def split_docstrings(source: str) -> tuple[str, str]:
    """Separates a module's docstrings from its code.

    Args:
      source: Python source with line feeds as line ends.

    Returns:
      The code, in which `pass` stands where a docstring was a whole body, and the prose.

    Raises:
      SyntaxError: `source` is not Python of this interpreter's version.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in somebody else's source
        tree = ast.parse(source)
    lines = source.encode().split(b"\n")
    scopes = list(_documented_scopes(tree))
    prose = [ast.get_docstring(scope) or "" for scope in scopes]
    for scope in reversed(scopes):
        _cut(lines, scope.body[0], b"pass" if _needs_a_body(scope) else b"")
    return b"\n".join(lines).decode(), "\n\n".join(filter(None, prose))


def _find_files(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        # Pruned in place: installed packages can be many times the library.
        subfolders[:] = [name for name in subfolders if name not in _EXCLUDED_FOLDERS]
        for name in names:
            if name.endswith(".py") and not name.startswith(_GENERATED_PREFIX):
                yield Path(folder, name)


def _read_modules(root: Path, files: list[Path]) -> Iterator[Module]:
    for path in files:
        with tokenize.open(path) as file, _no_collection():
            code, prose = split_docstrings(file.read())
        yield Module(name=path.relative_to(root).as_posix(), code=code, prose=prose)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Parsing makes many objects that live; looking for garbage meanwhile takes a third longer."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _documented_scopes(node: ast.AST) -> Iterator[_Scope]:
    """Scopes with a docstring in the order of the source; five times faster than `ast.walk`."""
    if isinstance(node, _Scope) and ast.get_docstring(node, clean=False) is not None:
        yield node
    for block in _STATEMENT_BLOCKS:
        for statement in getattr(node, block, ()):
            yield from _documented_scopes(statement)


def _needs_a_body(scope: _Scope) -> bool:
    return len(scope.body) == 1 and not isinstance(scope, ast.Module)


def _cut(lines: list[bytes], node: ast.stmt, replacement: bytes) -> None:
    """Cuts `node` out of `lines`; a line that is empty afterwards goes as well."""
    assert node.end_lineno is not None and node.end_col_offset is not None
    first, last = node.lineno - 1, node.end_lineno - 1
    before = lines[first][: node.col_offset]
    after = lines[last][node.end_col_offset :]
    if not replacement:
        after = after.lstrip(b" \t;")
    joined = before + replacement + after
    lines[first : last + 1] = [joined] if joined.strip() else []
