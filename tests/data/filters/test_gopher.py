import pytest

from jaxlm.data.filters.gopher import GopherQualityConfig, GopherRepetitionConfig
from jaxlm.data.filters.rules import failed, measure
from jaxlm.data.filters.stop_words import STOP_WORDS
from jaxlm.errors import UserError
from tests.data.filters.decisions import check, value

QUALITY, REPETITION = GopherQualityConfig(), GopherRepetitionConfig()

PROSE = """The harbour was quiet that morning, and only two boats had come back with the tide.
Nobody on the pier seemed to mind. They have learned to wait, as people of the coast do,
and to talk of the weather while the nets are mended and the gulls complain.
By noon the sun had burned the mist away, so that the whole bay lay open before them."""


@pytest.mark.parametrize(
    ("name", "text", "expected", "thresholds"),
    [
        ("num_words", "one  two\nthree", 3, {"least_words": 1, "most_words": -1}),
        (
            "mean_word_length",
            "a bbb cc.",
            7 / 3,
            {"least_mean_word_length": 0.01, "most_mean_word_length": -0.01},
        ),
        ("hashes_per_word", "# a ## b c", 3 / 5, {"most_hashes_per_word": -0.01}),
        ("ellipses_per_word", "a... b… c d", 2 / 4, {"most_ellipses_per_word": -0.01}),
        ("bullet_lines", "- a\n\n * b\n• c\nd-", 3 / 4, {"most_bullet_lines": -0.01}),
        ("ellipsis_lines", "a...\nb… \n...c", 2 / 3, {"most_ellipsis_lines": -0.01}),
        ("alphabetic_words", "a1 22 - é 3.5", 2 / 5, {"least_alphabetic_words": 0.01}),
        # "be" is in "because", "to" in "tom" and "the" in "other": none is that word.
        ("stop_words_en", "Of because, AND tom other. and/with", 3, {"least_stop_words": 1}),
    ],
)
def test_quality(name: str, text: str, expected: float, thresholds: dict[str, float]) -> None:
    check(QUALITY, f"gopher.{name}", text, expected, **thresholds)


GRAMS = "w1 w2 w3 w4 w5 w6 w7 w8 w9 w0"


@pytest.mark.parametrize(
    ("name", "text", "expected", "setting"),
    [
        ("duplicate_lines", "a\nb\n\na\n a", 2 / 4, "most_duplicate_lines"),
        ("duplicate_line_characters", "aaa\nb\naaa", 3 / 7, "most_duplicate_line_characters"),
        ("duplicate_paragraphs", "a\nb\n\nc\n\na\nb", 1 / 3, "most_duplicate_paragraphs"),
        (
            "duplicate_paragraph_characters",
            "a\nb\n\nc\n\na\nb",
            3 / 7,
            "most_duplicate_paragraph_characters",
        ),
        # "ab c" twice, 3 characters each, of 10.
        ("top_2grams", "ab c d ab c eee", 6 / 10, "most_top_grams"),
        # Overlapping occurrences count once: all 4 words.
        ("top_2grams", "a a a a", 1, "most_top_grams"),
        ("top_3grams", "a b c x a b c", 6 / 7, "most_top_grams"),
        ("top_4grams", "a b c d x a b c d a b c", 8 / 12, "most_top_grams"),
        # The second time only: 5 of 11 words.
        ("duplicate_5grams", "a b c d e x a b c d e", 5 / 11, "most_duplicate_grams"),
        ("duplicate_6grams", "a b c d e x a b c d e x", 6 / 12, "most_duplicate_grams"),
        *(
            (f"duplicate_{n}grams", f"{GRAMS} x {GRAMS}", 20 / 41, "most_duplicate_grams")
            for n in (7, 8, 9, 10)
        ),
    ],
)
def test_repetition(name: str, text: str, expected: float, setting: str) -> None:
    check(REPETITION, f"gopher.{name}", text, expected, **{setting: -0.01})


def test_the_published_thresholds() -> None:
    limits = {
        rule.name.removeprefix("gopher."): (rule.least, rule.most)
        for rule in QUALITY.rules() + REPETITION.rules()
    }
    assert limits["num_words"] == (50, 100_000)
    assert limits["mean_word_length"] == (3, 10)
    assert limits["alphabetic_words"][0] == 0.8
    assert [limits[f"top_{n}grams"][1] for n in (2, 3, 4)] == [0.20, 0.18, 0.16]
    grams = [limits[f"duplicate_{n}grams"][1] for n in range(5, 11)]
    assert grams == [0.15, 0.14, 0.13, 0.12, 0.11, 0.10]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE, None),
        ("Too short.", "gopher.num_words"),
        (f"{PROSE}\n" * 3, "gopher.duplicate_lines"),
        ("\n".join(f"- {line}" for line in PROSE.split("\n")), "gopher.bullet_lines"),
        ("buy now cheap " * 40 + PROSE, "gopher.top_2grams"),
        (" ".join(map(str, range(1000, 1100))), "gopher.alphabetic_words"),
    ],
    ids=["prose", "short", "copies", "bullets", "spam", "numbers"],
)
def test_what_is_kept_and_what_is_not(text: str, reason: str | None) -> None:
    rules = QUALITY.rules() + REPETITION.rules()
    assert failed(measure([text], rules), rules).to_pylist() == [reason]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Der Hund und die Katze sind nicht hier.", 4),
        ("fr", "L'eau de la rivière est froide dans les bois.", 5),
        ("cs", "To je dům, který stojí na kopci.", 4),
        ("es", "El perro que vive en la casa.", 4),
        ("it", "Il cane che dorme non è la volpe.", 4),
        ("nl", "Het is een dag van rust.", 4),
        ("pt", "O homem que não come uma maçã.", 4),
    ],
)
def test_stop_words_of_other_languages(language: str, text: str, expected: int) -> None:
    config = GopherQualityConfig(language=language)
    assert value(config, f"gopher.stop_words_{language}", text) == expected
    words = " ".join(sorted(STOP_WORDS[language]))
    assert value(config, f"gopher.stop_words_{language}", words) == len(STOP_WORDS[language])


def test_a_language_without_stop_words_is_refused() -> None:
    with pytest.raises(UserError, match=r"no stop words for the language 'zh'.*`chinese`"):
        GopherQualityConfig(language="zh").rules()
