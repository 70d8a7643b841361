import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxlm.data.filters import language
from jaxlm.data.filters.language import LanguageConfig, identify
from jaxlm.errors import ExitCode, UserError
from tests.data.filters.decisions import check, value

pytest.importorskip("py3langid")

TEXTS = {
    "en": "The harbour was quiet that morning, and only two boats had come back with the tide.",
    "de": "Der Hafen war an diesem Morgen still, und nur zwei Boote waren zurückgekommen.",
    "fr": "Le port était calme ce matin-là, et deux bateaux seulement étaient revenus.",
    "cs": "Přístav byl toho rána tichý a s přílivem se vrátily jen dva čluny.",
    "zh": "那天早上港口很安静\uff0c只有两条船随着潮水回来。码头上的人似乎都不着急。",
}


@pytest.mark.parametrize("wanted", TEXTS)
def test_languages(wanted: str) -> None:
    (found,), confidence = identify([TEXTS[wanted]])
    assert found == wanted
    assert confidence.dtype == np.float32
    assert 0.9 < confidence[0] <= 1


@pytest.mark.parametrize("text", ["", " \n", "123 + 4.5", "🙂🙂", "\x00"])
def test_a_text_without_letters_has_no_language(text: str) -> None:
    names, confidence = identify([text, TEXTS["de"]])
    assert names == ["und", "de"]
    assert confidence[0] == 0
    assert value(LanguageConfig(), "language.en", text) == 0


def test_no_texts() -> None:
    names, confidence = identify([])
    assert (names, confidence.shape) == ([], (0,))


def test_a_choice_of_languages_does_not_stay() -> None:
    (before,), _ = identify([TEXTS["cs"]])
    (chosen,), confidence = identify([TEXTS["cs"]], ["en", "de"])
    (after,), _ = identify([TEXTS["cs"]])
    assert (before, after) == ("cs", "cs")
    assert chosen in ("en", "de")
    assert 0.5 <= confidence[0] <= 1


def test_only_the_beginning_counts() -> None:
    beginning = (TEXTS["de"] * 30)[:2000]
    together = identify([beginning + TEXTS["en"] * 100, beginning])
    assert together[0] == ["de", "de"]
    assert together[1][0] == together[1][1]


def test_the_rule() -> None:
    text = TEXTS["fr"]
    (_,), confidence = identify([text])
    config = LanguageConfig(languages=("fr",))
    check(config, "language.fr", text, float(confidence[0]), least_probability=0.001)
    both = LanguageConfig(languages=("en", "fr"))
    assert value(both, "language.en_fr", text) >= value(config, "language.fr", text)
    assert value(both, "language.en_fr", TEXTS["zh"]) < 0.1


def test_an_unknown_language_is_named() -> None:
    for ask in (lambda: identify(["x"], ["enn"]), LanguageConfig(languages=("enn",)).rules):
        with pytest.raises(UserError, match=r"'enn' is not among.*\ben\b"):
            ask()


def test_threads_agree() -> None:
    texts = list(TEXTS.values()) * 20
    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(lambda text: identify([text])[1][0], texts))
    assert shares == identify(texts)[1].tolist()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(UserError, match=r"pip install 'jaxlm\[data\]'") as error:
        language._identifier.__wrapped__(None)
    assert error.value.exit_code == ExitCode.UNUSABLE
