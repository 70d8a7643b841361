# ruff: noqa: RUF001  look-alikes are the subject
import dataclasses
import sys
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.normalise import (
    WEB,
    NormaliseConfig,
    chinese,
    decase,
    mojibake,
    normalise,
    normalise_table,
)
from jaxlm.errors import UserError

pytest.importorskip("ftfy")
pytest.importorskip("opencc")

# Characters that some switch changes, and some that none does.
ALPHABET = (
    "aZ \t\n\r\x0c\x00\x1f\x7f\x85\x9d\u00a0\u2028\u3000\u200b\u200d\ufeff\u00ad\u202e"
    "ÃÂâ€™¼Å“é\u0301\u0308ǰŉßΣςİıﬁ①Ａ，ｶﾞ后後發发乾干里裡“”—…´ \u2033\uf900\ufdd0\ufdd3ᄀ가ि"
)
TEXTS = st.text(st.sampled_from(ALPHABET) | st.characters(exclude_categories=["Cs"]), max_size=30)
OPTIONS = {
    "form": ["none", "NFC", "NFKC"],
    "width": ["none", "letters", "all"],
    "script": ["none", "simplified", "traditional"],
    "case": ["none", "fold"],
    "max_blank_lines": [-1, 0, 2],
}
CONFIGS = st.builds(
    NormaliseConfig,
    **{
        field.name: st.sampled_from(OPTIONS.get(field.name, [False, True]))
        for field in dataclasses.fields(NormaliseConfig)
    },
)


@settings(max_examples=400, deadline=None)
@given(TEXTS, CONFIGS)
def test_the_normal_form_is_its_own_normal_form(text: str, config: NormaliseConfig) -> None:
    assert config.is_idempotent()
    once = normalise(text, config)
    assert normalise(once, config) == once
    once.encode()


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_web_text_has_what_it_promises(text: str) -> None:
    found = normalise(text, WEB)
    assert unicodedata.is_normalized("NFC", found)
    assert not any(unicodedata.category(c) == "Cc" and c != "\n" and c != "\t" for c in found)
    assert not any(unicodedata.category(c) in ("Zs", "Zl", "Zp") and c != " " for c in found)
    assert all(line == line.rstrip(" \t") for line in found.split("\n"))
    assert "\n\n\n\n" not in found


@given(st.text())
def test_without_switches_nothing_changes(text: str) -> None:
    assert normalise(text, NormaliseConfig()) == text


def test_capitals_are_marked_once_at_the_end() -> None:
    config = NormaliseConfig(case="marked", spaces=True)
    assert normalise("An\u00a0NSA", config) == decase("An NSA")
    assert not config.is_idempotent()


@pytest.mark.parametrize(
    ("config", "reversible"),
    [
        (NormaliseConfig(), True),
        (NormaliseConfig(case="marked"), True),
        (NormaliseConfig(case="fold"), False),
        (NormaliseConfig(case="marked", form="NFC"), False),
        (NormaliseConfig(trailing=True), False),
        (WEB, False),
    ],
)
def test_which_settings_lose_nothing(config: NormaliseConfig, reversible: bool) -> None:
    assert config.is_reversible() == reversible


def test_switches_act_together_in_order() -> None:
    text = "\ufeff  grÃ¼n\u200b \r\n\r\n\r\n\r\n\r\nﬁn\u0301\x00e  \u00a0x "
    assert normalise(text, WEB) == "  grün\n\n\nﬁńe   x"
    everything = dataclasses.replace(
        WEB, form="NFKC", accents=True, runs=True, max_blank_lines=0, case="fold"
    )
    assert normalise(text.replace("x", "X"), everything) == "  grun\nfine x"


def test_what_removing_brings_together_is_seen_again() -> None:
    config = NormaliseConfig(mojibake=True, zero_width=True)
    assert normalise("grÃ\u200b¼n", config) == "grün"


def test_tables_count_what_each_switch_changed() -> None:
    table = pa.table(
        {
            "id": ["1", "2", "3"],
            "text": ["plain", "e\u0301\r\n", "x\r\n"],
            "source": ["s", "s", "s"],
            "more": [1, 2, 3],
        }
    )
    result, counts = normalise_table(table, NormaliseConfig(form="NFC", line_ends=True, bidi=True))
    assert result.to_pydict() == {**table.to_pydict(), "text": ["plain", "é\n", "x\n"]}
    assert result.schema == table.schema
    assert counts == {"line_ends": 2, "bidi": 0, "form": 1}


def test_a_table_without_a_change_is_the_same_table() -> None:
    table = pa.table({"text": ["a", "b"]})
    assert normalise_table(table, WEB)[0] is table


def test_versions_name_what_decides_the_result() -> None:
    assert NormaliseConfig().versions() == {"unicode": unicodedata.unidata_version}
    found = NormaliseConfig(mojibake=True, script="simplified").versions()
    assert set(found) == {"unicode", "ftfy", "opencc"}


@pytest.mark.parametrize(
    ("package", "config"),
    [
        ("ftfy", NormaliseConfig(mojibake=True)),
        ("opencc", NormaliseConfig(script="simplified")),
    ],
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, package: str, config: NormaliseConfig
) -> None:
    for cached in (mojibake._ftfy, mojibake._fixer, mojibake._pairs, chinese._converter):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"{package}: pip install 'jaxlm\[data\]'"):
        normalise("漢", config)


def test_a_missing_package_is_named_before_any_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UserError, match=r"normalise\.mojibake needs the package ftfy"):
        NormaliseConfig(mojibake=True).versions()
