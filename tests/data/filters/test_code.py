import base64
import inspect

import pytest

from jaxlm.data.filters import rules as module
from jaxlm.data.filters.code import CodeConfig
from jaxlm.data.filters.rules import failed, measure
from tests.data.filters.decisions import check

CODE = CodeConfig()
BLOB = base64.b64encode(bytes(range(256)) * 4).decode()


@pytest.mark.parametrize(
    ("name", "text", "expected", "thresholds"),
    [
        ("longest_line", "ab\nabcd\n\n", 4, {"most_longest_line": -1}),
        ("mean_line", "ab\nabcd\n\n", 6 / 3, {"most_mean_line": -0.01}),
        ("alphanumeric", "ab1 + 2;", 4 / 8, {"least_alphanumeric": 0.01}),
        ("alphabetic", "ab1 + 2;", 2 / 6, {"least_alphabetic": 0.01}),
        ("encoded", "x = " + "A1b2" * 24, 96 / 100, {"most_encoded": -0.01}),
        (
            "encoded",
            "ab 0x0a, 0xff 0x10,0x20,0x30\n0x40 0x7f 0x8b",
            40 / 43,
            {"most_encoded": -0.01},
        ),
        ("encoded", "zz" + r"\x00\xff" * 4, 32 / 34, {"most_encoded": -0.01}),
    ],
)
def test_rules(name: str, text: str, expected: float, thresholds: dict[str, float]) -> None:
    check(CODE, f"code.{name}", text, expected, **thresholds)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (inspect.getsource(module), None),
        ("".join(f"v{n}=f({n});" for n in range(200)), "code.longest_line"),
        ("\n".join(f"const value{n:0100} = {n};" for n in range(9)), "code.mean_line"),
        ("{}[]();,\n" * 20, "code.alphanumeric"),
        ("\n".join("1 2 3 4 5" for _ in range(9)), "code.alphabetic"),
        ("\n".join(BLOB[n : n + 76] for n in range(0, len(BLOB), 76)), "code.encoded"),
    ],
    ids=["code", "minified", "generated", "marks", "numbers", "base64"],
)
def test_what_is_kept_and_what_is_not(text: str, reason: str | None) -> None:
    rules = CODE.rules()
    assert failed(measure([text], rules), rules).to_pylist() == [reason]
