from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.readers import BadDocument, Document
from jaxlm.data.sample import PassageSample
from jaxlm.data.split import SplitRule, make_rule, unit_hash


def documents(count: int) -> Iterator[Document]:
    return (Document(id=f"{n}.txt", text=f"text {n}", source="s") for n in range(count))


def test_documents_are_held_out_by_hash_in_the_asked_share() -> None:
    rule = make_rule(documents(4000), 0.1)
    parts = [part for document in documents(4000) for part in rule.parts(document)]
    held = sum(split == "validation" for split, _ in parts)
    assert len(parts) == 4000
    assert 400 - 3 * 19 < held < 400 + 3 * 19  # three standard deviations


def test_the_decision_is_stable() -> None:
    # From `b2sum -l 64`: a change would move documents between the splits.
    assert unit_hash("json/decoder.py") == pytest.approx(0x1D2B2A9A82B8610D / 2**64, abs=1e-15)


def test_twenty_documents_hold_out_at_least_one() -> None:
    rule = make_rule(documents(20), 1e-9)
    assert rule.by_document
    splits = [split for document in documents(20) for split, _ in rule.parts(document)]
    assert splits.count("validation") == 1


def test_fewer_documents_give_their_last_part() -> None:
    rule = make_rule(documents(19), 0.25)
    assert not rule.by_document
    document = Document(id="x", text="abcdefgh", source="s")
    assert list(rule.parts(document)) == [("train", "abcdef"), ("validation", "gh")]


def test_empty_and_bad_documents_do_not_count() -> None:
    bad = BadDocument(path="p", line=1, reason="r")
    empty = Document(id="e", text="", source="s")
    assert not make_rule([*documents(19), *[bad] * 9, *[empty] * 9], 0.1).by_document


def test_the_rule_reads_no_more_than_it_needs() -> None:
    stream = documents(1000)
    make_rule(stream, 0.1)
    assert next(stream).id == "20.txt"


@given(st.text(min_size=1, max_size=50), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_parts_join_to_the_document(text: str, fraction: float) -> None:
    rule = SplitRule(fraction=fraction, by_document=False)
    parts = list(rule.parts(Document(id="x", text=text, source="s")))
    assert "".join(part for _, part in parts) == text
    assert all(part for _, part in parts)
    assert parts[-1][0] == "validation"


def test_the_sample_is_even_over_the_text_and_bounded() -> None:
    sample = PassageSample(200_000)
    # One document of half the text, and a hundred that share the other half.
    sample.add("long", "a" * 1_000_000)
    for index in range(100):
        sample.add(f"short {index}", "b" * 10_000)
    passages = sample.passages()
    size = sum(map(len, passages))
    assert 200_000 <= size < 200_000 + 4096
    assert 0.3 < sum(passage.count("a") for passage in passages) / size < 0.7


def test_the_sample_keeps_all_of_a_small_text_in_order() -> None:
    sample = PassageSample(1_000_000)
    text = " ".join(map(str, range(20_000)))
    sample.add("x", text)
    assert "".join(sample.passages()) == text
