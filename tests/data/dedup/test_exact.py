# ruff: noqa: RUF001 (text of other scripts)

import hashlib

import pyarrow as pa
import pytest

from jaxlm.data.dedup.config import ExactConfig
from jaxlm.data.dedup.exact import exact_keys

PLAIN = "The cat, the Mat."


@pytest.mark.parametrize(
    ("config", "same", "other"),
    [
        (ExactConfig(), "THE CAT\n\nthe (mat)!", "The cat, the Matt."),
        (ExactConfig(fold_case=False), "The cat (the Mat)", "the cat, the Mat."),
        (ExactConfig(ignore="space"), "the  cat,\tthe MAT.\n", "The cat the Mat."),
        (ExactConfig(ignore="space", fold_case=False), "The cat,\nthe Mat.", "the cat, the Mat."),
        (ExactConfig(ignore="nothing"), "the cat, The Mat.", "The cat, the Mat. "),
        (ExactConfig(ignore="nothing", fold_case=False), PLAIN, "The cat, the mat."),
    ],
)
def test_what_makes_no_difference(config: ExactConfig, same: str, other: str) -> None:
    plain, like, unlike = exact_keys([PLAIN, same, other], config).to_pylist()
    assert plain == like != unlike


def test_keys_are_blake2b_of_the_letters() -> None:
    letters = "thecatthemat".encode("utf-32-le")
    truth = hashlib.blake2b(letters, digest_size=16, person=b"normalised").digest()
    assert exact_keys([PLAIN], ExactConfig()).to_pylist() == [truth]


def test_texts_without_letters_are_compared_as_they_are() -> None:
    keys = exact_keys(["…", "?", "", "…", "。"], ExactConfig()).to_pylist()
    assert len(set(keys)) == 4
    assert keys[0] == keys[3]


def test_marks_tell_words_apart() -> None:
    keys = exact_keys(["कि", "की", "大模型。", "大，模型"], ExactConfig()).to_pylist()
    assert keys[0] != keys[1]
    assert keys[2] == keys[3]


def test_keys_do_not_depend_on_how_texts_are_divided() -> None:
    texts = [f"text {n} " * (1 + n * n % 300) for n in range(120)]
    together = exact_keys(pa.chunked_array([texts[:50], texts[50:]]), ExactConfig())
    alone = [exact_keys([text], ExactConfig())[0] for text in texts]
    assert together.to_pylist() == [key.as_py() for key in alone]
