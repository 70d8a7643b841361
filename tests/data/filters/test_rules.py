from dataclasses import replace
from importlib.util import find_spec
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pyarrow as pa
import pytest

from jaxlm.data.filters import available
from jaxlm.data.filters.rules import Drops, Rule, RuleSet, drops, failed, failures, measure
from jaxlm.data.filters.text import Text
from jaxlm.errors import UserError


def length(text: Text) -> float:
    return len(text.text)


def tenths(text: Text) -> float:
    return len(text.text) / 10


LENGTH = Rule(name="t.length", measure=length, least=2, most=4, source="test")
TENTHS = Rule(name="t.tenths", measure=tenths, most=0.3, source="test")
TEXTS = ["a", "bb", "ccc", "dddd", "eeeee"]


def test_values_are_columns_and_decisions_come_after() -> None:
    values = measure(TEXTS, [LENGTH, TENTHS])
    assert values.schema == pa.schema({"t.length": pa.float32(), "t.tenths": pa.float32()})
    assert values["t.length"].to_pylist() == [1, 2, 3, 4, 5]
    reasons = failed(values, [LENGTH, TENTHS])
    assert reasons.type == pa.string()
    assert reasons.to_pylist() == ["t.length", None, None, "t.tenths", "t.length"]
    assert failed(values, [TENTHS, LENGTH]).to_pylist() == [
        "t.length",
        None,
        None,
        "t.tenths",
        "t.tenths",
    ]
    wider = replace(LENGTH, least=0, most=9)
    assert failed(values, [wider]).to_pylist() == [None] * 5


def test_a_value_equal_to_its_threshold_passes() -> None:
    # 0.3 as float32 is above 0.3 as float64.
    assert float(np.float32(0.3)) > 0.3
    assert failed(measure(["ccc"], [TENTHS]), [TENTHS]).to_pylist() == [None]


def test_what_a_rule_drops_in_all_first_and_alone() -> None:
    masks = failures(measure(TEXTS, [LENGTH, TENTHS]), [LENGTH, TENTHS])
    assert masks["t.length"].tolist() == [True, False, False, False, True]
    assert masks["t.tenths"].tolist() == [False, False, False, True, True]
    assert drops(masks) == {
        "t.length": Drops(total=2, first=2, alone=1),
        "t.tenths": Drops(total=2, first=1, alone=1),
    }
    assert drops({}) == {}


def test_no_texts() -> None:
    values = measure([], [LENGTH])
    assert values.num_rows == 0
    assert failed(values, [LENGTH]).to_pylist() == []


def test_values_survive_a_table_of_chunks() -> None:
    values = pa.concat_tables([measure(TEXTS[:2], [LENGTH]), measure(TEXTS[2:], [LENGTH])])
    assert failed(values, [LENGTH]).to_pylist()[-1] == "t.length"


def test_a_rule_that_is_there_twice_is_refused() -> None:
    with pytest.raises(UserError, match=r"t\.length is there twice"):
        measure(TEXTS, [LENGTH, LENGTH])


def test_a_rule_that_was_not_measured_is_named() -> None:
    with pytest.raises(UserError, match=r"t\.tenths was not measured.*t\.length"):
        failed(measure(TEXTS, [LENGTH]), [TENTHS])


def test_every_set_is_found_in_the_folder() -> None:
    sets = available()
    assert list(sets) == sorted(sets)
    assert {"c4", "chinese", "code", "fineweb", "gopher_quality", "gopher_repetition"} <= set(sets)
    assert {"language", "perplexity", "quality", "table"} <= set(sets)
    assert all(issubclass(owner, RuleSet) for owner in sets.values())


NEED_MORE = {"perplexity", "quality"} | ({"language"} if find_spec("py3langid") is None else set())
WITHOUT_FILES = sorted(set(available()) - NEED_MORE)


@pytest.mark.parametrize("name", WITHOUT_FILES)
@pytest.mark.parametrize("text", ["", " ", "\n\n", "a", "。", "\x00", "5", "{", "\ud7ff\U0010ffff"])
def test_every_rule_has_a_value_for_every_text(name: str, text: str) -> None:
    rules = available()[name]().rules()
    assert len({rule.name for rule in rules}) == len(rules)
    assert all(rule.source for rule in rules)
    measure([text], rules)  # asserts that the values are finite


@pytest.mark.parametrize("name", WITHOUT_FILES)
@pytest.mark.parametrize("unit", [".", "?)", " ", "\n ", "0x", "[1", "a#", "1.", "\\x41"])
def test_long_runs_take_linear_time(name: str, unit: str) -> None:
    rules = available()[name]().rules()
    measure([unit * 50_000], rules)  # quadratic: longer than all other tests together


@pytest.mark.parametrize("name", WITHOUT_FILES)
def test_rules_travel_to_another_process(name: str) -> None:
    rules = available()[name]().rules()
    sent = ForkingPickler.loads(ForkingPickler.dumps(rules))
    text = "The cat sat with the dog.\nThe cat sat with the dog.\n" * 3
    assert measure([text], sent).equals(measure([text], rules))
