import json
import unicodedata
from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import SubwordSampling
from jaxlm.tokenizers.wordpiece import WordPieceTokenizer, WordSplitting
from jaxlm.tokenizers.wordpiece_training import learn_word_pieces

GOLDEN = Path(__file__).parents[1] / "golden" / "wordpiece"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PASSAGES = [
    "The quick brown fox jumps over the lazy dog, and the dog jumps back.",
    "Pack my box with five dozen liquor jugs; the jugs were quickly packed!",
    "A tokenizer cuts words into pieces. Pieces make words: word, words, wordy.",
] * 4


def golden(name: str) -> dict:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@cache
def bert() -> WordPieceTokenizer:
    lines = (GOLDEN / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return WordPieceTokenizer.from_vocab(lines)


@cache
def trained(word_start: str = "##", learner: str = "frequency") -> WordPieceTokenizer:
    return WordPieceTokenizer.train(
        PASSAGES, 150, learner=learner, word_start=word_start, lowercase=False
    )


# Learning.

WORKED = {
    **{"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5},
    **{"low": 5, "lower": 2, "newest": 6, "widest": 3},
}
# With each merge: count(ab), count(a), count(b) and what decides among equal scores.
WORKED_MERGES = [
    ("##i", "##d"),  # 3 / (3 * 3); as (w, ##i), equally frequent; # comes before w
    ("w", "##id"),  # 3 / (3 * 3)
    ("l", "##o"),  # 7 / (7 * 7)
    ("lo", "##w"),  # 7 / (7 * 13); ##w is in "newest" too
    ("##s", "##t"),  # 9 / (14 * 9); ##s is in "hugs" too
    ("##e", "##st"),  # 9 / (17 * 9); six pairs have 1/17, this one is the most frequent
    ("##e", "##w"),  # 6 / (8 * 6), as (n, ##e) and (##e, ##r)
    ("##e", "##r"),  # 2 / (2 * 2)
    ("n", "##ew"),  # 6 / (6 * 6)
    ("low", "##er"),  # 2 / (7 * 2)
    ("new", "##est"),  # 6 / (6 * 9), as (wid, ##est), which is rarer
    ("wid", "##est"),  # 3 / (3 * 3)
    ("##g", "##s"),  # 5 / (20 * 5)
    ("p", "##u"),  # 17 / (17 * 36); six pairs with ##u have 1/36
    ("h", "##u"),  # 15 / (15 * 19)
    ("b", "##u"),  # 4 / (4 * 4)
    ("hu", "##gs"),  # 5 / (15 * 5)
    ("hu", "##g"),  # 10 / (10 * 15)
    ("bu", "##n"),  # 4 / (4 * 16)
    ("pu", "##n"),  # 12 / (17 * 12), as (pu, ##g), which is rarer
]


def test_the_worked_example():
    assert learn_word_pieces(WORKED, 20) == WORKED_MERGES
    assert naive_merges(WORKED, 20, "likelihood", "##", 2) == WORKED_MERGES


def test_the_frequency_learner_takes_the_most_frequent_pair():
    # ##u ##g stands 20 times, p ##u 17 times; then hug is split as h ##ug.
    merges = learn_word_pieces(WORKED, 3, learner="frequency")
    assert merges == [("##u", "##g"), ("##u", "##n"), ("h", "##ug")]


def naive_merges(word_counts, num_merges, learner, prefix, min_frequency):
    """All counts anew before each merge, scores as exact fractions."""
    words = {w: [w[0], *(prefix + character for character in w[1:])] for w in word_counts}
    merges = []
    while len(merges) < num_merges:
        symbols, pairs = Counter(), Counter()
        for word, parts in words.items():
            for symbol in parts:
                symbols[symbol] += word_counts[word]
            for pair in pairwise(parts):
                pairs[pair] += word_counts[word]
        scores = {
            pair: Fraction(count, symbols[pair[0]] * symbols[pair[1]])
            if learner == "likelihood"
            else count
            for pair, count in pairs.items()
            if count >= min_frequency
        }
        if not scores:
            break
        best = min(scores, key=lambda pair: (-scores[pair], -pairs[pair], pair))
        merges.append(best)
        for parts in words.values():
            place = 0
            while place < len(parts):
                if tuple(parts[place : place + 2]) == best:
                    parts[place : place + 2] = [best[0] + best[1].removeprefix(prefix)]
                place += 1
    return merges


@pytest.mark.parametrize("learner", ["likelihood", "frequency"])
@given(
    st.dictionaries(
        st.text("ab", min_size=1, max_size=7) | st.text("abcd", min_size=1, max_size=7),
        st.integers(1, 9) | st.integers(1, 2000),
        max_size=12,
    ),
    st.sampled_from(["##", ""]),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=60)
def test_merges_are_those_of_a_full_recount(learner, word_counts, prefix, min_frequency):
    merges = learn_word_pieces(
        word_counts, 30, learner=learner, prefix=prefix, min_frequency=min_frequency
    )
    assert merges == naive_merges(word_counts, 30, learner, prefix, min_frequency)


# Applying.


def test_words_are_cut_as_in_bert():
    for word, pieces in golden("words.json")["words"]:
        ids = bert().encode(word, special=word in SPECIAL)
        assert [bert().piece(token) for token in ids] == pieces


def test_sentences_have_the_ids_and_offsets_of_bert():
    for sentence in golden("sentences.json")["sentences"]:
        ids, offsets = bert().encode_with_offsets(sentence["text"])
        with_ends = [bert().bos_id, *ids.tolist(), bert().eos_id]
        assert with_ends == sentence["ids"]
        assert [bert().piece(token) for token in with_ends] == sentence["tokens"]
        assert offsets.tolist() == sentence["offsets"][1:-1]
        assert bert().encode(sentence["text"]) == ids.tolist()


def test_pairs_have_the_ids_and_types_of_bert():
    pair = golden("sentences.json")["pair"]
    ids, types = bert().encode_pair(pair["a"], pair["b"])
    assert ids.dtype == types.dtype == np.int32
    assert ids.tolist() == pair["ids"]
    assert types.tolist() == pair["type_ids"]


def longest_first(word, pieces, prefix, limit=100):
    """Devlin et al.'s procedure, as written."""
    found, start = [], 0
    while start < len(word):
        ends = range(len(word), start, -1)
        candidates = ((prefix if start else "") + word[start:end] for end in ends)
        piece = next((candidate for candidate in candidates if candidate in pieces), None)
        if piece is None:
            return ["[UNK]"]
        found.append(piece)
        start += len(piece.removeprefix(prefix) if start else piece)
    return found if len(word.removeprefix("\u2581")) <= limit else ["[UNK]"]


@pytest.mark.parametrize("word_start", ["##", "_"])
@given(
    st.sets(st.text("abc", min_size=1, max_size=4), max_size=12),
    st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=5),
)
@settings(deadline=None, max_examples=60)
def test_the_longest_piece_goes_first(word_start, texts, words):
    prefix, mark = ("##", "") if word_start == "##" else ("", "\u2581")
    pieces = dict.fromkeys(
        [*SPECIAL, mark or "c", *texts, *((prefix or mark) + text for text in sorted(texts))]
    )
    tokenizer = WordPieceTokenizer(list(pieces), WordSplitting(word_start=word_start))
    expected = [piece for word in words for piece in longest_first(mark + word, pieces, prefix)]
    assert [tokenizer.piece(token) for token in tokenizer.encode("  ".join(words))] == expected


@pytest.mark.parametrize("word_start", ["##", "_"])
def test_long_words_are_unknown(word_start):
    pieces = [*SPECIAL, "\u2581", "a", "##a"]
    tokenizer = WordPieceTokenizer(pieces, WordSplitting(word_start=word_start))
    assert tokenizer.unknown_id not in tokenizer.encode("a" * 100)
    assert tokenizer.encode("a" * 101) == [tokenizer.unknown_id]


def test_case_accents_and_cjk_are_as_set():
    pieces = [*SPECIAL, "e", "E", "\u00e9", "\u00c9", "\u4e2d", "\u4e2d\u6587", "\u6587", "!"]

    def shown(text, **changes):
        tokenizer = WordPieceTokenizer(pieces, WordSplitting(**changes))
        return [tokenizer.piece(token) for token in tokenizer.encode(text)]

    text = "\u00c9! \u4e2d\u6587"
    assert shown(text) == ["\u00c9", "!", "\u4e2d", "\u6587"]
    assert shown(text, split_cjk=False) == ["\u00c9", "!", "\u4e2d\u6587"]
    assert shown(text, lowercase=True) == ["\u00e9", "!", "\u4e2d", "\u6587"]
    assert shown(text, strip_accents=True) == ["E", "!", "\u4e2d", "\u6587"]
    assert shown(text, lowercase=True, strip_accents=True)[0] == "e"


# The tokenizer.


@pytest.mark.parametrize("learner", ["likelihood", "frequency"])
@pytest.mark.parametrize("word_start", ["##", "_"])
def test_trained_text_comes_back_up_to_white_space(word_start, learner):
    tokenizer = trained(word_start, learner)
    assert 60 < tokenizer.vocab_size <= 150
    for passage in PASSAGES[:3]:
        ids = tokenizer.encode("  " + passage.replace(" ", " \n"))
        assert tokenizer.unknown_id not in ids
        decoded = tokenizer.decode(ids)
        if word_start == "##":  # punctuation marks are words
            assert decoded.replace(" ", "") == passage.replace(" ", "")
        else:
            assert decoded == passage
        assert tokenizer.token_bytes()[ids].sum() == len(decoded.encode()) + 1
    assert not tokenizer.is_lossless()


def test_lower_casing_takes_accents_off():
    tokenizer = WordPieceTokenizer.train(
        ["\u00c9t\u00e9 \u00e9t\u00e9"] * 2,
        50,
        learner="frequency",
        word_start="##",
        lowercase=True,
    )
    assert tokenizer.decode(tokenizer.encode("\u00c9T\u00c9")) == "ete"
    assert unicodedata.normalize("NFC", tokenizer.decode(tokenizer.encode("ete"))) == "ete"


def test_pieces_follow_special_tokens_and_characters():
    tokenizer = WordPieceTokenizer.train(
        ["aab aab"], 50, learner="likelihood", word_start="##", lowercase=False
    )
    shown = [tokenizer.piece(token) for token in range(tokenizer.vocab_size)]
    assert shown == [*SPECIAL, "##a", "##b", "a", "##ab", "aab"]
    marked = WordPieceTokenizer.train(
        ["aab aab"], 9, learner="frequency", word_start="_", lowercase=False
    )
    assert [marked.piece(token) for token in range(5, 9)] == ["a", "b", "\u2581", "aa"]


def test_special_tokens_are_text_unless_asked_for():
    tokenizer = trained()
    assert tuple(tokenizer.special_tokens) == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    text = "[CLS]the dog[MASK] jumps[SEP]"
    roles = {tokenizer.bos_id, tokenizer.eos_id, tokenizer.special_tokens["[MASK]"]}
    assert roles.isdisjoint(tokenizer.encode(text))
    ids = tokenizer.encode(text, special=True)
    assert (ids[0], ids[-1]) == (tokenizer.bos_id, tokenizer.eos_id)
    assert roles <= set(ids)
    assert tokenizer.decode(ids) == "the dog jumps"
    assert not tokenizer.token_bytes()[sorted(tokenizer.special_tokens.values())].any()


def test_there_is_nothing_to_sample():
    with pytest.raises(UserError, match="one segmentation") as raised:
        trained().sample_batch(["a"], [1], SubwordSampling())
    assert raised.value.exit_code == ExitCode.USAGE


def test_training_is_deterministic_whatever_the_order():
    for learner in ("likelihood", "frequency"):
        again = WordPieceTokenizer.train(
            iter(PASSAGES[::-1]), 150, learner=learner, word_start="##", lowercase=False
        )
        assert again.fingerprint == trained("##", learner).fingerprint
    assert trained("##", "likelihood").fingerprint != trained("##", "frequency").fingerprint


@pytest.mark.parametrize("word_start", ["##", "_"])
def test_the_file_gives_the_same_tokenizer(tmp_path, word_start):
    path = tmp_path / "tokenizer.json"
    trained(word_start).save(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert (data["type"], data["version"]) == ("wordpiece", 1)
    loaded = WordPieceTokenizer.from_json(data)
    assert loaded.fingerprint == trained(word_start).fingerprint
    assert loaded.encode(PASSAGES[0]) == trained(word_start).encode(PASSAGES[0])


def test_splitting_is_part_of_the_fingerprint():
    one, other = (
        WordPieceTokenizer(list(SPECIAL), WordSplitting(lowercase=lowercase))
        for lowercase in (False, True)
    )
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "subword_nmt"}, "not a tokenizer of type 'wordpiece'"),
        ({"version": 0}, "version 0"),
        ({"pieces": "abc"}, "damaged"),
        ({"splitting": {}}, "damaged"),
        ({"pieces": [*SPECIAL, "a", "a"]}, "'a' is in the vocabulary twice"),
        ({"pieces": ["a"]}, r"has no \[PAD\]"),
    ],
)
def test_damaged_files_are_refused(tmp_path, change, message):
    trained().save(tmp_path / "tokenizer.json")
    data = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8")) | change
    with pytest.raises(UserError, match=message) as raised:
        WordPieceTokenizer.from_json(data)
    assert raised.value.exit_code == ExitCode.UNUSABLE


def test_a_vocabulary_with_capitals_keeps_case():
    cased = WordPieceTokenizer.from_vocab([*SPECIAL, "A", "a", ""])
    assert cased.encode("A a") == [5, 6]
    assert WordPieceTokenizer.from_vocab([*SPECIAL, "a"]).encode("A a") == [5, 5]


def test_training_says_what_is_missing():
    def train(text, size, **changes):
        return WordPieceTokenizer.train(
            [text], size, learner="frequency", word_start="##", lowercase=False, **changes
        )

    with pytest.raises(UserError, match="no text"):
        train(" \n", 100)
    with pytest.raises(UserError, match="at least 8, or lower character_coverage"):
        train("aab aab", 7)
    covered = train("aaaa aaaa b", 7, character_coverage=0.8)
    assert covered.encode("b aa") == [1, *covered.encode("aa")]
