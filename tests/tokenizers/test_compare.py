import io
from types import MappingProxyType

import numpy as np
import pytest

from jaxlm.tokenizers.base import SubwordSampling, Tokenizer
from jaxlm.tokenizers.compare import HEADER, compare, measure, print_table, row


class Vowels(Tokenizer):
    """Knows the vowels and the space; anything else is unknown and lost."""

    vocab_size, bos_id, eos_id, pad_id, unknown_id = 10, 7, 8, 9, 0
    special_tokens = MappingProxyType({"<unk>": 0})
    fingerprint = "vowels"

    def encode_batch(self, texts, *, special: bool = False):
        return [np.array([" aeiou".find(c) + 1 for c in text], np.int32) for text in texts]

    def sample_batch(self, texts, seeds, sampling: SubwordSampling):
        raise NotImplementedError

    def decode(self, ids) -> str:
        return "".join("? aeiou"[token] for token in ids)

    def piece(self, token: int) -> str:
        return "? aeiou"[token]

    def token_bytes(self) -> np.ndarray:
        return np.ones(10, np.int32)

    def is_lossless(self) -> bool:
        return False

    def save(self, path) -> None:
        raise NotImplementedError


def test_measurement_by_hand() -> None:
    found = measure(Vowels(), "a été ae", "vowels", "text")
    # 8 characters and two more bytes for the accents; the unknown ones are é, t and é
    assert (found.num_bytes, found.num_words, found.num_tokens) == (10, 3, 8)
    assert found.num_unknown == 3
    assert found.is_used.tolist() == [True, True, True, True, *[False] * 6]
    assert found.num_changed == 1
    assert found.seconds > 0
    cells = dict(zip(HEADER, row(found), strict=True))
    assert cells["bytes/token"] == "1.250"
    assert cells["tokens/word"] == "2.667"
    assert cells["unknown"] == "37.5000%"
    assert cells["vocabulary used"] == "40.0% of 10"
    assert cells["decodes to"] == "another text (1 documents)"


def test_the_sum_of_texts_counts_ids_once(trained) -> None:
    texts = {"one": "aa e", "two": "aa i", "none": ""}
    *parts, whole = compare({"vowels": Vowels()}, texts)
    assert [part.text for part in parts] == ["one", "two", "none"]
    assert (whole.text, whole.num_tokens, whole.num_words) == ("all", 8, 4)
    assert whole.is_used.sum() == 4
    assert whole.num_changed == 0
    (alone,) = compare({"bpe": trained("bpe")}, {"one": "a fox"})
    assert alone.num_tokens == len(trained("bpe").encode("a fox"))


def test_long_texts_are_many_documents() -> None:
    text = "ae iou " * 6000 + "x"
    found = measure(Vowels(), text, "vowels", "text")
    assert (found.num_tokens, found.num_changed) == (len(text), 1)


def test_plain_output_is_aligned() -> None:
    file = io.StringIO()
    print_table(compare({"v": Vowels(), "longer": Vowels()}, {"text": "ae " * 2000}), file)
    lines = file.getvalue().splitlines()
    assert len(lines) == 3
    ends = [line.index("bytes") + len("bytes") for line in lines[:1]]
    assert all(line[: ends[0]].endswith("6,000") for line in lines[1:])
    assert lines[1].startswith("v ")
    assert not [line for line in lines if line != line.rstrip()]


def test_a_terminal_gets_a_ruled_table(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(file, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    print_table(compare({"v": Vowels()}, {"text": "ae"}), file)
    assert "┃" in file.getvalue()
    assert "40.0%" not in file.getvalue()
    assert "20.0% of 10" in file.getvalue()
