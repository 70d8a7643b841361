"""House rules that no tool checks: layering, sizes, unsafe calls, locks, what the docs name."""

import ast
import fnmatch
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import jaxlm

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = sorted((ROOT / "jaxlm").rglob("*.py"))
PYTHON_FILES = sorted([*PACKAGE, *(ROOT / "configs").rglob("*.py"), ROOT / "setup.py"])
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))

# Bottom to top. A module imports from lower layers and from its own entry, never sideways or up.
# The longest matching entry decides, a plain one before a pattern: `hf.names` is the vocabulary in
# which models state their Hugging Face names, while the rest of `hf` reads models.
LAYERS = (
    ("errors", "environment", "interruption", "spelling"),
    ("parallel",),
    ("layers", "hf.names"),
    ("models",),
    ("config",),
    ("run_directory",),
    ("tokenizers",),
    ("objectives", "optim", "data", "checkpoint", "hf"),
    ("timeline", "monitor"),
    ("report",),
    ("step", "trained", "dry_run", "data.analyse", "data.prepare"),
    ("parts",),
    ("evaluate", "generate"),
    ("train", "plan", "verify", "supervise", "rl", "evolve", "visualize"),
    ("cli",),
    ("__main__",),
)
HEIGHTS = {entry: height for height, entries in enumerate(LAYERS) for entry in entries}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_BASE_PACKAGES = 56
UNSAFE_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "__import__"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    base = ROOT.joinpath(*name.split("."))
    return base.with_suffix(".py").exists() or (base / "__init__.py").exists()


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str, str]]:
    """Yields (statement, module, imported name or empty) for each import, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import keeps its dots, so that the layering test refuses it.
            module = "." * node.level + (node.module or "")
            yield from ((node, module, alias.name) for alias in node.names)


def layer(module: str) -> tuple[int, str]:
    """Height and entry of LAYERS that hold a module of the package."""
    parts = module.removeprefix("jaxlm.").split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        patterns = [entry for entry in HEIGHTS if fnmatch.fnmatchcase(name, entry)]
        for entry in sorted(patterns, key=lambda entry: entry != name):
            return HEIGHTS[entry], entry
    raise LookupError(f"{module} has no place in LAYERS of tests/test_house.py")


def upward_imports(module: str, tree: ast.AST) -> Iterator[str]:
    """Yields a sentence for each import that breaks the layering."""
    own_height, own_entry = layer(module)
    for node, source, name in imports(tree):
        if source.startswith("."):
            yield f"line {node.lineno}: relative import"
        if source.split(".")[0] in {"benchmarks", "configs", "launch", "tests"}:
            yield f"line {node.lineno}: the package may not import {source}"
        if source.split(".")[0] != "jaxlm":
            continue
        target = f"{source}.{name}" if name and is_module(f"{source}.{name}") else source
        if target == "jaxlm":  # the version
            continue
        # TrainConfig is made of the settings that each part declares beside its code.
        if module == "jaxlm.config.schema" and name.endswith("Config"):
            continue
        height, entry = layer(target)
        if height > own_height or (height == own_height and entry != own_entry):
            yield f"line {node.lineno}: {own_entry} may not import {target}"


@pytest.mark.parametrize("path", PACKAGE, ids=relative)
def test_imports_point_down(path: Path) -> None:
    module = module_name(path)
    if module != "jaxlm":
        assert not list(upward_imports(module, ast.parse(path.read_text())))


@pytest.mark.parametrize(
    ("module", "source", "broken"),
    [
        ("jaxlm.layers.norms", "from jaxlm.parallel.sharding import constrain", False),
        ("jaxlm.layers.norms", "from jaxlm.models.base import Model", True),
        ("jaxlm.data.stream", "def f():\n    from jaxlm.checkpoint import writer", True),
        ("jaxlm.data.stream", "from .packing import pack", True),
        ("jaxlm.data.stream", "from configs.quickstart import get_config", True),
        ("jaxlm.models.llama", "from jaxlm.hf.names import Plain", False),
        ("jaxlm.models.llama", "from jaxlm.hf import load", True),
        ("jaxlm.config.schema", "from jaxlm.evaluate import EvaluationConfig", False),
        ("jaxlm.config.schema", "from jaxlm.evaluate import evaluate", True),
    ],
)
def test_the_layering_rule_itself(module: str, source: str, broken: bool) -> None:
    assert bool(list(upward_imports(module, ast.parse(source)))) == broken


def exceptions() -> str:
    """ARCHITECTURE.md, where a longer file or function is named with its reason."""
    path = ROOT / "ARCHITECTURE.md"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("path", PACKAGE, ids=relative)
def test_files_and_functions_are_short(path: Path) -> None:
    source, allowed = path.read_text(), exceptions()
    long = []
    if len(source.splitlines()) > MAX_FILE_LINES and f"`{relative(path)}`" not in allowed:
        long.append(relative(path))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES and f"`{relative(path)}:{node.name}`" not in allowed:
                long.append(f"{relative(path)}:{node.name} ({lines} lines)")
    assert not long, "split these, or give each a sentence in ARCHITECTURE.md"


def unsafe(tree: ast.AST) -> Iterator[str]:
    """Yields a sentence for each way to run code that comes as data."""
    for statement, source, name in imports(tree):
        if {source.split(".")[0], name} & UNSAFE_MODULES:
            yield f"line {statement.lineno}: imports {source}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in UNSAFE_CALLS:
            yield f"line {node.lineno}: uses {node.id}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            value = node.value
            if not (isinstance(value, ast.Constant) and value.value is False):
                yield f"line {value.lineno}: allows pickle"


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_no_pickle_and_no_eval(path: Path) -> None:
    assert not list(unsafe(ast.parse(path.read_text())))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", True),
        ("from joblib import load", True),
        ("eval('1')", True),
        ("run = exec", True),
        ("np.load(path, allow_pickle=True)", True),
        ("np.load(path, allow_pickle=False)", False),
        ("jax.eval_shape(f)", False),
    ],
)
def test_the_unsafe_rule_itself(source: str, found: bool) -> None:
    assert bool(list(unsafe(ast.parse(source)))) == found


def packages(lock: Path) -> list[Requirement]:
    lines = lock.read_text().replace("\\\n", "").splitlines()
    return [Requirement(line.split("--hash")[0]) for line in lines if re.match(r"\w", line)]


def installed(lock: Path, python: str, system: str = "linux") -> dict[str, str]:
    """Names and versions that a lock gives to one Python version and system."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
    }
    chosen = [r for r in packages(lock) if r.marker is None or r.marker.evaluate(environment)]
    versions = {r.name: str(r.specifier) for r in chosen}
    assert len(versions) == len(chosen), "one package is locked twice for one environment"
    return versions


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_the_base_install_is_small(python: str, system: str) -> None:
    names = set(installed(ROOT / "requirements/base.txt", python, system)) - {"setuptools"}
    assert len(names) <= MAX_BASE_PACKAGES
    assert not {n for n in names if re.match(r"tensorflow|tf[-_]|torch|tensorboard$", n)}


@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_the_development_lock_extends_the_base_lock(python: str) -> None:
    base = installed(ROOT / "requirements/base.txt", python)
    development = installed(ROOT / "requirements/dev.txt", python)
    assert base.items() <= development.items()


def test_the_base_lock_satisfies_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for python in ("3.11", "3.12"):
        locked = installed(ROOT / "requirements/base.txt", python)
        for dependency in map(Requirement, project["dependencies"]):
            version = locked[dependency.name.lower()].removeprefix("==")
            assert dependency.specifier.contains(version), dependency


@pytest.mark.parametrize("lock", LOCKS, ids=relative)
def test_locks_have_hashes_and_name_no_index(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|^file:|^\s*-(?!-hash=sha256:)", text, re.MULTILINE)
    for line in text.replace("\\\n", "").splitlines():
        assert not re.match(r"\w", line) or "--hash=sha256:" in line


REPOSITORY_PATH = re.compile(r"(?<![\w./])(?:jaxlm|configs|tests|docs|requirements)/[^\s`'\",;:)]*")
# A word in capitals stands for a name of the reader's choice: `python -m jaxlm.NAME`.
PLACEHOLDER = re.compile(r"(?<![A-Za-z])[A-Z]{2,}(?![a-z])|[*<{…]|\.\.\.")


def code(text: str) -> Iterator[str]:
    """Yields the lines of code blocks and the inline code of a Markdown text."""
    fence = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
    for block in fence.findall(text):
        yield from block.replace("\\\n", " ").splitlines()[1:-1]
    yield from re.findall(r"`([^`\n]+)`", fence.sub("", text))


def targets(line: str) -> Iterator[str]:
    """Yields the targets of the `make` commands in a line of shell."""
    for command in re.split(r"&&|\|\||[;|]|(?:^|\s)#.*", line):
        try:
            words = shlex.split(command)
        except ValueError:  # inline code may hold a lone quote, and then is no command
            continue
        while words and (words[0] == "$" or "=" in words[0]):
            words.pop(0)
        if words[:1] == ["make"]:
            yield from (w for w in words[1:] if "=" not in w and not w.startswith("-"))


def unknown_names(line: str) -> Iterator[str]:
    """Yields what a line of code names but the repository lacks."""
    makefile = (ROOT / "Makefile").read_text()
    for target in targets(line):
        if not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
            yield f"make {target}"
    for module in re.findall(r"python3? -m (jaxlm[\w.]*)", line):
        base = ROOT.joinpath(*module.rstrip(".").split("."))
        runnable = base.with_suffix(".py").exists() or (base / "__main__.py").exists()
        if not PLACEHOLDER.search(module) and not runnable:
            yield f"python -m {module}"
    for path in REPOSITORY_PATH.findall(line):
        if not PLACEHOLDER.search(path) and not (ROOT / path).exists():
            yield path


@pytest.mark.parametrize("path", DOCS, ids=relative)
def test_docs_name_what_exists(path: Path) -> None:
    missing = {name for line in code(path.read_text()) for name in unknown_names(line)}
    assert not missing


def test_the_docs_rule_itself() -> None:
    text = "Run `make test no-such`.\n```console\n$ python -m jaxlm.absent configs/NAME.py\n```\n"
    missing = [name for line in code(text) for name in unknown_names(line)]
    assert missing == ["python -m jaxlm.absent", "make no-such"]


@pytest.mark.parametrize("path", DOCS, ids=relative)
def test_relative_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", path.read_text())
    assert not [link for link in links if not (path.parent / link).exists()]


def test_no_file_names_a_path_of_one_machine() -> None:
    # Split, so that this line does not find itself.
    private = re.compile(r"(?<![\w/.:$}~-])/(?:" + "home|Users|root|work" + r")/\w")
    folders = ("jaxlm", "configs", "tests", "docs", "requirements", "launch", "benchmarks")
    files = [f for folder in folders for f in (ROOT / folder).rglob("*")]
    files += [*ROOT.glob("*.*"), ROOT / "Makefile", ROOT / ".ci/run"]
    kinds = {".py", ".md", ".txt", ".in", ".toml", ".cff", ".json", ".sh", ".yml", ""}
    named = [
        relative(f)
        for f in files
        if f.is_file() and f.suffix in kinds and private.search(f.read_text(errors="ignore"))
    ]
    assert not named


def test_every_place_states_the_same_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [jaxlm.__version__]


def test_continuous_integration_runs_lint_and_every_test() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert shlex.split(script.splitlines()[-1]) == ["exec", "make", "lint", "test-all"]
