import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxlm.data.filters import quality
from jaxlm.data.filters.quality import FeatureConfig, QualityConfig, auc, load, save, scores, train
from jaxlm.errors import UserError
from tests.data.filters.decisions import check

SMALL = FeatureConfig(bits=12)
GOOD = ["harbour", "morning", "boats", "tide", "weather", "nets", "gulls", "coast", "learned"]
BAD = ["buy", "cheap", "click", "free", "offer", "discount", "login", "cart", "now"]


def sentences(words: list[str], count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices([*words, "the", "and", "of"], k=12)) for _ in range(count)]


@pytest.fixture(scope="module")
def model() -> quality.Model:
    return train(sentences(GOOD, 80, 1), sentences(BAD, 60, 2), SMALL)


def test_it_tells_good_from_bad(model: quality.Model) -> None:
    good, bad = sentences(GOOD, 50, 3), sentences(BAD, 50, 4)
    assert (scores(good, model) > 0.5).all()
    assert (scores(bad, model) < 0.5).all()
    assert model.accuracy == model.auc == 1
    values = scores([*good, *bad, "", "漢字"], model)
    assert values.dtype == np.float32
    assert ((values >= 0) & (values <= 1)).all()


def test_texts_that_do_not_differ_are_not_told_apart() -> None:
    texts = sentences(GOOD, 600, 5)
    model = train(texts[:300], texts[300:], SMALL, held_out=0.5)
    # 150 against 150 by chance: the deviation of the AUC is 0.034.
    assert 0.4 < model.auc < 0.6


def test_training_is_repeatable_and_the_seed_decides_what_is_held_out() -> None:
    good, bad = sentences(GOOD, 40, 1), sentences(BAD, 40, 2)
    first, again, other = (train(good, bad, SMALL, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.weights, again.weights)
    assert not np.array_equal(first.weights, other.weights)


def test_the_gradient_vanishes_at_the_weights() -> None:
    good, bad = sentences(GOOD, 30, 1), sentences(BAD, 30, 2)
    features, l2, labels = FeatureConfig(bits=8), 1e-2, np.repeat([1.0, 0.0], 30)
    weights, bias = quality._fit([*good, *bad], labels, features, l2)
    rows = np.zeros((60, 256))
    for row, text in zip(rows, [*good, *bad], strict=True):
        found = quality._features(text, features)
        row[found] = len(found) ** -0.5
    error = (1 / (1 + np.exp(-(rows @ weights + bias))) - labels) / 60
    np.testing.assert_allclose(rows.T @ error + l2 * weights, 0, atol=1e-4)
    assert abs(error.sum()) < 1e-4


def test_auc_by_hand() -> None:
    # Of 6 pairs 4 are in order and 1 is a tie.
    assert auc(np.array([0.9, 0.5, 0.4]), np.array([0.5, 0.1])) == pytest.approx(4.5 / 6)


def test_a_file_gives_the_same_scores_and_bytes(model: quality.Model, tmp_path: Path) -> None:
    save(model, tmp_path / "m.npz")
    save(model, tmp_path / "n.npz")
    assert (tmp_path / "m.npz").read_bytes() == (tmp_path / "n.npz").read_bytes()
    read = load(tmp_path / "m.npz")
    assert (read.features, read.auc) == (model.features, model.auc)
    texts = sentences(GOOD + BAD, 9, 6)
    np.testing.assert_array_equal(scores(texts, read), scores(texts, model))


def test_the_rule(model: quality.Model, tmp_path: Path) -> None:
    save(model, tmp_path / "news.npz")
    text = "the morning tide and cheap nets"
    config = QualityConfig(model=str(tmp_path / "news.npz"))
    check(config, "quality.news", text, scores([text], model)[0], least_score=0.01)


def test_a_file_that_is_no_classifier_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"m\.npz: cannot read a quality-1 model"):
        QualityConfig(model=str(tmp_path / "m.npz")).rules()


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(UserError, match="3 bad texts; a classifier needs 20"):
        train(sentences(GOOD, 30, 1), sentences(BAD, 3, 2), SMALL)


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, words in (("good", GOOD), ("bad", BAD)):
        lines = (json.dumps({"text": text}) for text in sentences(words, 30, 7))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    out = tmp_path / "m.npz"
    files = [str(tmp_path / "good.jsonl"), str(tmp_path / "bad.jsonl")]
    monkeypatch.setattr(sys, "argv", ["quality", "train", *files, "--out", str(out)])
    quality.main()
    assert "held-out AUC       1.0000" in capsys.readouterr().out
    assert scores(["the tide and the nets"], load(out))[0] > 0.5
