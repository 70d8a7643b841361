"""Every setting is read by the code that does the work, not only by its checks."""

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from jaxlm.config import TrainConfig
from jaxlm.config.fields import implementations, optional_section, types_of

ROOT = Path(__file__).resolve().parents[2]
# These look at every setting whatever it is for.
FRONT_END = ("config/*.py", "dry_run.py", "cli.py")


def fields(owner: type, section: str = "") -> Iterator[tuple[str, type, str]]:
    """Walks (section, class, field) of every leaf reachable from a configuration class."""
    for name, annotation in types_of(owner).items():
        declared = optional_section(annotation) or annotation
        if dataclasses.is_dataclass(declared):
            for implementation in implementations(declared):  # type: ignore[arg-type]
                yield from fields(implementation, name)
        else:
            yield section, owner, name


def modules() -> dict[Path, ast.Module]:
    paths = (ROOT / "jaxlm").rglob("*.py")
    worked = (p for p in paths if not any(p.match(f"jaxlm/{pattern}") for pattern in FRONT_END))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in worked}


def is_read(tree: ast.Module, section: str, owner: type, field: str) -> bool:
    """Whether a module reads `.section.field`, or `.field` where it names the class or a base.

    Two sections may have a field of one name (`every_steps`), and arrays have a `size`: an access
    by the field's name alone says nothing. Where the class is named, `getattr` together with the
    name as a string counts too.
    """
    nodes = list(ast.walk(tree))
    classes = {base.__name__ for base in owner.__mro__ if dataclasses.is_dataclass(base)}
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    is_named = bool(section and classes & names)
    bases = [_dotted(n.value) for n in nodes if isinstance(n, ast.Attribute) and n.attr == field]
    spelt = any(isinstance(node, ast.Constant) and node.value == field for node in nodes)
    wanted = (f".{section}", f".{section}.config") if section else (".config",)
    return any(is_named or base.endswith(wanted) for base in bases) or (
        is_named and spelt and "getattr" in names
    )


def _dotted(node: ast.expr) -> str:
    """The dotted names of an expression with a dot in front."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return f".{node.id}" if isinstance(node, ast.Name) else ""


ALL = sorted(fields(TrainConfig), key=str)


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return modules()


@pytest.mark.parametrize(
    ("section", "owner", "field"), ALL, ids=[f"{o.__name__}.{f}" for _, o, f in ALL]
)
def test_a_setting_is_read(
    trees: dict[Path, ast.Module], section: str, owner: type, field: str
) -> None:
    assert any(is_read(tree, section, owner, field) for tree in trees.values()), (
        f"nothing reads {section}.{field} ({owner.__name__})"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(config):\n    return config.optim.beta2", True),
        ("def f(config: OptimConfig):\n    return config.beta2", True),
        ("def f(optim):\n    return optim.beta2", True),
        ("def f(config: OptimConfig):\n    return getattr(config, 'beta2')", True),
        ("def f(config):\n    return config.beta2", False),
        ("def f(config):\n    return getattr(config, 'beta2')", False),
        ("class OptimConfig:\n    beta2: float = 0.95", False),
        ("beta2 = OptimConfig(beta2=1)", False),
    ],
)
def test_is_read_can_tell(source: str, expected: bool) -> None:
    from jaxlm.optim.config import OptimConfig

    assert is_read(ast.parse(source), "optim", OptimConfig, "beta2") is expected
