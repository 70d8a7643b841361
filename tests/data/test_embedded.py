import ast
import sysconfig
from pathlib import Path

import pytest

from jaxlm.data import embedded
from jaxlm.data.config import DataConfig
from jaxlm.data.readers import Document
from jaxlm.data.scan import _make_rules
from jaxlm.data.sources import find_sources
from jaxlm.errors import ExitCode, UserError

SOURCE = '''"""Module doc."""

import os


class Queue:
    """A queue.

    Indented.
    """

    size = 3

    def push(self): """One line."""; return 1

    async def pop(self):
        """Only a docstring."""

if os.name:
    def late():
        "é" "joined"
        return """not a docstring"""
'''


def docstrings(source: str) -> list[str]:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return [doc for node in nodes if (doc := ast.get_docstring(node)) is not None]


def without_docstrings(source: str) -> str:
    """An independent way: cut in the tree."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            assert body is not None
            node.body = body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return ast.dump(tree)


def test_docstrings_leave_the_code_and_nothing_else_does() -> None:
    code, prose = embedded.split_docstrings(SOURCE)
    assert prose == (
        "Module doc.\n\nA queue.\n\nIndented.\n\nOne line.\n\nOnly a docstring.\n\néjoined"
    )
    assert docstrings(code) == []
    assert ast.dump(ast.parse(code)) == without_docstrings(SOURCE)
    assert '"""not a docstring"""' in code
    assert "    size = 3\n" in code


def test_real_modules_parse_to_the_same_tree_without_docstrings() -> None:
    root = Path(sysconfig.get_paths()["stdlib"])
    for name in ("argparse.py", "typing.py", "json/decoder.py", "ast.py"):
        source = (root / name).read_text()
        code, prose = embedded.split_docstrings(source)
        assert ast.dump(ast.parse(code)) == without_docstrings(source)
        assert all(doc in prose for doc in docstrings(source))


def test_the_corpus_has_no_tests_and_no_installed_packages() -> None:
    files = embedded.module_files()
    root = Path(sysconfig.get_paths()["stdlib"])
    names = [path.relative_to(root).as_posix() for path in files]
    assert names == sorted(names)
    assert {"argparse.py", "json/decoder.py", "asyncio/queues.py"} <= set(names)
    folders = {folder for name in names for folder in name.split("/")[:-1]}
    assert folders.isdisjoint({"test", "tests", "site-packages", "idlelib", "__pycache__"})
    assert sum(path.stat().st_size for path in files) > 8_000_000


def test_code_and_prose_of_a_module_share_their_split(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"package/module_{index}.py" for index in range(300)]
    corpus = tuple(
        # Half of the modules have no prose, so that the two sources begin differently.
        embedded.Module(name=name, code="x = 1", prose="Text." * (index % 2))
        for index, name in enumerate(names)
    )
    monkeypatch.setattr(embedded, "modules", lambda: corpus)
    config = DataConfig(validation_fraction=0.01)
    sources = find_sources(config)
    rules = _make_rules(sources, config)
    splits: dict[str, set[str]] = {}
    for source in sources:
        for document in source.read():
            assert isinstance(document, Document)
            for split, _ in rules[source.name].parts(document):
                splits.setdefault(document.id, set()).add(split)
    assert len(splits) == 300
    assert all(len(found) == 1 for found in splits.values())
    assert {"validation"} in splits.values()


def test_modules_of_a_folder_are_read_with_their_own_encoding(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\n'''caf\xe9'''\r\nx = 1\r\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_latin.py").write_text("x = 1")
    (module,) = embedded.modules(tmp_path)
    assert module.name == "latin.py"
    assert module.prose == "café"
    assert module.code == "# -*- coding: latin-1 -*-\nx = 1\n"


def test_an_interpreter_without_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no Python source below") as error:
        embedded.module_files(tmp_path)
    assert error.value.exit_code == ExitCode.UNUSABLE
