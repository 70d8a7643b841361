import json
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from jaxlm.data.filters import perplexity
from jaxlm.data.filters.perplexity import PerplexityConfig, bits_per_character, load, save, train
from jaxlm.errors import UserError
from tests.data.filters.decisions import check

REFERENCE = [
    "the harbour was quiet that morning and the boats had come back with the tide",
    "nobody on the pier seemed to mind and the gulls had the nets to themselves",
    "by noon the sun had burned the mist away and the whole bay lay open before them",
]


def chance_by_hand(context: str, character: str, texts: list[str], order: int) -> float:
    """Probability by counting substrings, without hashes."""
    grams, contexts = Counter[str](), Counter[tuple[int, str]]()
    for text in ("\n" * (order - 1) + text for text in texts):
        for index in range(order - 1, len(text)):
            for length in range(order):
                grams[text[index - length : index + 1]] += 1
                contexts[length, text[index - length : index]] += 1
    chance = 1 / 0x110000
    for length in range(order):
        end = context[len(context) - length :]
        chance = (grams[end + character] + 8 * chance) / (contexts[length, end] + 8)
    return chance


@pytest.mark.parametrize("text", ["the tide", "x", "the quiet 漢 bay"])
def test_against_counting_substrings(text: str) -> None:
    order = 3
    padded = "\n" * (order - 1) + text
    chances = [
        chance_by_hand(padded[i : i + order - 1], character, REFERENCE, order)
        for i, character in enumerate(text)
    ]
    model = train(REFERENCE, order=order, bits=20)
    expected = -sum(map(math.log2, chances)) / len(text)
    assert bits_per_character(text, model) == pytest.approx(expected)


def test_chances_add_up_to_one() -> None:
    model = train(REFERENCE, order=3, bits=20)
    prefix = "the harb"
    before = bits_per_character(prefix, model) * len(prefix)
    letters = sorted(set("".join(REFERENCE)))
    total = sum(
        2 ** (before - bits_per_character(prefix + letter, model) * (len(prefix) + 1))
        for letter in letters
    )
    # What is left is for a million other characters.
    assert 0.95 < total < 1


def test_what_is_unlike_the_reference_surprises() -> None:
    model = train(REFERENCE, bits=16)
    like = bits_per_character("the boats had come back by noon", model)
    assert like < bits_per_character("boats noon by the come had kcab", model)
    assert like < 4 < bits_per_character("0x7f 0x3a 0x00 9182", model)
    assert bits_per_character("漢字漢字", model) > 10
    assert bits_per_character("", model) == 0


def test_the_rule_and_its_file(tmp_path: Path) -> None:
    model = train(REFERENCE, bits=12)
    save(model, tmp_path / "prose.npz")
    read = load(tmp_path / "prose.npz")
    np.testing.assert_array_equal(read.grams, model.grams)
    np.testing.assert_array_equal(read.contexts, model.contexts)
    text = "the whole bay and the tide"
    config = PerplexityConfig(model=str(tmp_path / "prose.npz"))
    bits = bits_per_character(text, model)
    check(config, "perplexity.prose", text, bits, least_bits=0.01, most_bits=-0.01)


def test_a_file_that_is_no_model_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"m\.npz: cannot read a perplexity-1 model"):
        PerplexityConfig(model=str(tmp_path / "m.npz")).rules()


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (json.dumps({"text": text}) for text in REFERENCE * 4)
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    out = tmp_path / "m.npz"
    arguments = ["train", str(tmp_path / "a.jsonl"), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["perplexity", *arguments])
    perplexity.main()
    assert "bits per character of held-out texts" in capsys.readouterr().out
    assert bits_per_character(REFERENCE[0], load(out)) < 2
