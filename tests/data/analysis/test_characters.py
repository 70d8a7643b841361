import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.analysis import characters
from jaxlm.data.analysis.characters import Characters, count_classes


def classes_of(text):
    (row,) = count_classes([text])
    return {name: n for name, n in zip(characters.CLASSES, row.tolist(), strict=True) if n}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ab9, +\n", {"Latin": 2, "digit": 1, "punctuation": 1, "symbol": 1, "space": 2}),
        ("Привет", {"Cyrillic": 6}),
        ("中文かなカナ한글", {"Han": 2, "Hiragana": 2, "Katakana": 2, "Hangul": 2}),
        ("\x00\x85\u200b\ufeff", {"control": 2, "format": 2}),
        ("\ufffd\ue000\U000f0001", {"replacement": 1, "private": 2}),
        ("\U00020000\U00030001😀", {"Han (supplementary)": 2, "symbol": 1}),
        ("e\u0301", {"Latin": 1, "other": 1}),
        ("ᚠ", {"other": 1}),
        ("\u0378", {"unassigned": 1}),
    ],
)
def test_known_characters(text, expected):
    assert classes_of(text) == expected


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(), max_size=8))
def test_letters_and_kinds_agree_with_the_unicode_database(texts):
    counts = count_classes(texts)
    assert counts.sum(axis=1).tolist() == [len(text) for text in texts]
    for row, text in zip(counts, texts, strict=True):
        plane_zero_or_one = [c for c in text if ord(c) < 0x20000]
        letters = sum(unicodedata.category(c)[0] in "LM" for c in plane_zero_or_one)
        beyond = sum(0x20000 <= ord(c) < 0x40000 for c in text)
        assert characters.letters(row[None])[0] == letters + beyond
        digits = sum(unicodedata.category(c)[0] == "N" for c in plane_zero_or_one)
        assert row[characters.column("digit")] == digits


def test_texts_longer_than_a_chunk_are_counted_whole(monkeypatch):
    texts = ["ab1", "", "中" * 25, "x" * 10, "y 7" * 9]
    whole = count_classes(texts)
    monkeypatch.setattr(characters, "_CHUNK", 10)
    assert np.array_equal(count_classes(texts), whole)


def test_results_leave_out_what_does_not_occur():
    counted = Characters()
    counted.add(count_classes(["ab 1", "я"]))
    assert counted.result() == {
        "kinds": {"letter": 3, "digit": 1, "space": 1},
        "scripts": {"Latin": 2, "Cyrillic": 1},
    }
