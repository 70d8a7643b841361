"""What is measured on a sample: lines, tokens, compression, near copies, the map."""

import random
import zlib

import numpy as np
import pytest

from jaxlm.data.analysis.lines import count_lines
from jaxlm.data.analysis.near import WORDS, near_duplicates
from jaxlm.data.analysis.projection import project
from jaxlm.data.analysis.sample import Sampled
from jaxlm.data.analysis.tokens import compression, count_tokens, zipf_fit
from tests.data.analysis import planted


def sampled(texts, source="a"):
    return [
        Sampled(order=n, id=f"{source}:{n}", source=source, text=t) for n, t in enumerate(texts)
    ]


def test_lines_count_once_for_a_document():
    line = "Subscribe to our newsletter"
    result = count_lines(
        [f"{line}\n{line}\nown text of the first one", f"  {line}", "another line"]
    )
    assert result["lines"] == [{"text": line, "documents": 2, "share": 2 / 3}]
    # Three copies of 27 characters, and 25 of a line of its own; the last text is too short.
    assert result["repeated_share"] == pytest.approx(3 * 27 / (3 * 27 + 25))


def test_short_lines_are_left_out_but_han_lines_count_by_their_bytes():
    assert count_lines(["return None", "return None"])["lines"] == []
    assert count_lines(["版权所有翻印必究", "版权所有翻印必究"])["lines"][0]["documents"] == 2


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.3])
def test_the_exponent_of_a_power_law_is_found(exponent):
    counts = np.round(1e6 * np.arange(1, 3001.0) ** -exponent).astype(int)
    fit = zipf_fit(counts)
    assert fit["exponent"] == pytest.approx(exponent, abs=0.01)
    for rank, count in fit["line"]:
        assert count == pytest.approx(counts[rank - 1], rel=0.05)


def test_too_few_ranks_have_no_exponent():
    assert zipf_fit(np.array([5, 4, 3])) is None
    assert zipf_fit(np.zeros(0, int)) is None


def test_words_are_counted():
    result = count_tokens(["a b a", "a c"], None)
    assert (result["unit"], result["total"], result["distinct"]) == ("word", 5, 3)
    assert result["top"][0] == {"text": "a", "count": 3}
    assert result["ranks"] == [[1, 3], [2, 1], [3, 1]]
    assert result["once"] == pytest.approx(2 / 3)
    assert count_tokens([], None)["total"] == 0


class Letters:
    """Codes a to y as 1 to 25; anything else is unknown."""

    vocab_size = 26
    unknown_id = 0

    def encode_batch(self, texts, *, special=False):
        return [np.array([max(0, ord(c) - 96) % 26 for c in text], np.int32) for text in texts]

    def piece(self, token):
        return "?" if token == 0 else chr(96 + token)


def test_tokens_are_counted():
    result = count_tokens(["aab", "zé"], Letters())
    assert result["unit"] == "token"
    assert result["total"] == 5
    assert result["top"][0]["text"] == "a"
    assert result["bytes_per_token"] == 6 / 5
    assert result["used_share"] == 4 / 26
    assert result["lengths"]["max"] == 3
    assert count_tokens(["z"], Letters())["unknown_share"] == 1.0


def test_compression_leaves_out_short_texts():
    text = "the river and the house " * 50
    result = compression([text, "short"])
    assert result["count"] == 1
    assert result["min"] == len(zlib.compress(text.encode(), 6)) / len(text)


def jaccard(a, b):
    first, second = (
        {tuple(words[n : n + WORDS]) for n in range(len(words) - WORDS + 1)}
        for words in (a.split(), b.split())
    )
    return len(first & second) / len(first | second)


def test_edited_copies_are_found_with_their_resemblance():
    rng = random.Random(3)
    originals = [" ".join(str(rng.randrange(10**6)) for _ in range(400)) for _ in range(12)]
    words = originals[0].split()
    words[100:110] = ["other"] * 10
    texts = [*originals, " ".join(words), originals[1]]
    result = near_duplicates(sampled(texts))
    # An exact copy is no edited one.
    (pair,) = result["pairs"]
    assert {pair["first"]["id"], pair["second"]["id"]} == {"a:0", "a:12"}
    # A quarter of about 400 shingles: a standard error of 0.025.
    assert pair["resemblance"] == pytest.approx(jaccard(texts[0], texts[12]), abs=0.08)
    assert result["edited"] == {"a": 2}


def test_boilerplate_alone_makes_no_edited_copies():
    rng = random.Random(4)
    notice = "all rights reserved no part of this page may be copied without our permission"
    texts = [f"{planted.prose(rng, 6)} {notice}" for _ in range(60)]
    assert near_duplicates(sampled(texts))["pairs"] == []


def test_unlike_documents_lie_apart_and_the_stranger_is_an_outlier():
    rng = random.Random(5)
    english = sampled([planted.prose(rng) for _ in range(40)], "english")
    han = sampled(["".join(rng.choices(planted.HAN, k=200)) for _ in range(20)], "han")
    stranger = Sampled(order=99, id="english:99", source="english", text="0123456789 " * 50)
    points = project([*english, *han, stranger])["points"]
    place = {p["id"]: np.array([p["x"], p["y"]]) for p in points}
    middle = {
        name: np.mean([place[d.id] for d in own], axis=0)
        for name, own in (("english", english), ("han", han))
    }
    for name, other in (("english", "han"), ("han", "english")):
        for document in english if name == "english" else han:
            to_own = np.linalg.norm(place[document.id] - middle[name])
            assert to_own < np.linalg.norm(place[document.id] - middle[other])
    assert [p["id"] for p in points if p["outlier"]] == ["english:99"]


def test_the_map_is_a_pure_function_and_tiny_corpora_have_none():
    documents = sampled(planted.sources()["clean"][:20])
    assert project(documents) == project(documents)
    assert project(documents[:2]) == {"explained": [], "points": []}
