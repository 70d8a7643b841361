"""A classifier that learns what good text is from two folders of texts.

`python -m jaxlm.data.filters.quality train GOOD BAD --out FILE` learns one and says how well it
tells held-out texts apart. It is logistic regression over which hashed n-grams of words and
characters occur, each text scaled to length 1.

Source: as in Brown et al. 2020, arXiv 2005.14165, appendix A, and Joulin et al. 2016,
arXiv 1607.01759, section 2 (hashed word n-grams).
"""

import functools
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxlm.data.filters import hashing
from jaxlm.data.filters.folder import read_texts
from jaxlm.data.filters.npz import read_npz, write_npz
from jaxlm.data.filters.rules import Rule, RuleSet
from jaxlm.data.filters.text import Text
from jaxlm.errors import ArgumentParser, UserError, run_main

_KIND = "quality-1"
_LEAST_TEXTS = 20


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """What the classifier looks at.

    Attributes:
      word_grams: Longest n-gram of words.
      character_grams: Lengths of n-grams of characters.
      bits: Logarithm to base 2 of the number of weights.
      max_characters: Characters from the beginning that count.
    """

    word_grams: int = 2
    character_grams: tuple[int, ...] = (3, 5)
    bits: int = 18
    max_characters: int = 10_000


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained classifier.

    Attributes:
      weights: float32 [2^bits].
      bias: Log-odds of a text without features.
      features: What it looks at.
      accuracy: Mean accuracy of the two classes, on texts that were held out.
      auc: Chance that a good text held out has a higher score than a bad one.
    """

    weights: np.ndarray
    bias: float
    features: FeatureConfig
    accuracy: float
    auc: float


@dataclass(frozen=True, kw_only=True)
class QualityConfig(RuleSet):
    """Keeps what a trained classifier calls good.

    Attributes:
      model: File of the classifier.
      least_score: Smallest score, from 0 to 1; 0.5 is where the classes balance.
    """

    model: str = ""
    least_score: float = 0.5

    def rules(self) -> tuple[Rule, ...]:
        load(self.model)  # a missing file is named before the work begins
        return (
            Rule(
                name=f"quality.{Path(self.model).stem}",
                measure=functools.partial(_score, path=self.model),
                least=self.least_score,
                source=f"classifier {self.model}",
            ),
        )


def scores(texts: Sequence[str], model: Model) -> np.ndarray:
    """Probability that each text is good, as float32 [num_texts], if both were equally common."""
    logits = [_logit(text, model) for text in texts]
    return (0.5 * (1 + np.tanh(0.5 * np.array(logits, np.float64)))).astype(np.float32)


def train(
    good: Sequence[str],
    bad: Sequence[str],
    features: FeatureConfig | None = None,
    *,
    held_out: float = 0.1,
    l2: float = 1e-4,
    seed: int = 0,
) -> Model:
    """Trains a classifier; both classes have equal weight, whatever their sizes.

    Args:
      good: Texts to keep.
      bad: Texts to drop.
      features: What to look at.
      held_out: Share of each class that is not trained on and gives accuracy and AUC.
      l2: Weight of half the squared norm of the weights, beside the mean loss of a text.
      seed: Decides what is held out; training itself is deterministic.

    Raises:
      UserError: A class has too few texts.
    """
    features = features or FeatureConfig()
    for name, texts in (("good", good), ("bad", bad)):
        if len(texts) < _LEAST_TEXTS:
            raise UserError(f"{len(texts)} {name} texts; a classifier needs {_LEAST_TEXTS} of each")
    good_test, good_train = _split(good, held_out, seed)
    bad_test, bad_train = _split(bad, held_out, seed + 1)
    labels = np.repeat([1.0, 0.0], [len(good_train), len(bad_train)])
    weights, bias = _fit([*good_train, *bad_train], labels, features, l2)
    model = Model(weights=weights, bias=bias, features=features, accuracy=0.0, auc=0.0)
    return _evaluated(model, scores(good_test, model), scores(bad_test, model))


def save(model: Model, path: str | Path) -> None:
    """Writes a classifier as one .npz file."""
    header = asdict(model)
    weights = header.pop("weights")
    write_npz(path, _KIND, header, {"weights": weights})


@functools.cache
def load(path: str | Path) -> Model:
    """Reads a classifier.

    Raises:
      UserError: The file is missing or is not one.
    """
    header, arrays = read_npz(path, _KIND)
    features = header.pop("features")
    features["character_grams"] = tuple(features["character_grams"])
    return Model(weights=arrays["weights"], features=FeatureConfig(**features), **header)


def auc(good: np.ndarray, bad: np.ndarray) -> float:
    """Chance that a good score is above a bad one, ties counted half.

    Source: Mann and Whitney 1947.
    """
    ordered = np.sort(bad)
    below = np.searchsorted(ordered, good, "left") + np.searchsorted(ordered, good, "right")
    return float(below.mean() / (2 * len(bad)))


def _evaluated(model: Model, good: np.ndarray, bad: np.ndarray) -> Model:
    accuracy = float(((good >= 0.5).mean() + (bad < 0.5).mean()) / 2)
    return replace(model, accuracy=accuracy, auc=auc(good, bad))


def _score(text: Text, *, path: str) -> float:
    return float(scores([text.text], load(path))[0])


def _logit(text: str, model: Model) -> float:
    found = _features(text, model.features)
    if not len(found):
        return model.bias
    return float(model.weights[found].sum(dtype=np.float64) / np.sqrt(len(found)) + model.bias)


def _features(text: str, config: FeatureConfig) -> np.ndarray:
    """Distinct buckets of a text's n-grams: int64 [num_features], ascending."""
    text = text[: config.max_characters].lower()
    hashes = hashing.grams(hashing.words(text), config.word_grams)
    characters = hashing.grams(hashing.characters(text), max(config.character_grams, default=1))
    hashes += [characters[n - 1] for n in config.character_grams]
    found = np.sort(hashing.buckets(np.concatenate(hashes), config.bits))
    # np.unique goes through a hash table, at three times the cost.
    return np.concatenate([found[:1], found[1:][found[1:] != found[:-1]]])


def _split(texts: Sequence[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Held-out texts and the rest."""
    order = np.random.default_rng(seed).permutation(len(texts))
    cut = max(1, round(share * len(texts)))
    return [texts[index] for index in order[:cut]], [texts[index] for index in order[cut:]]


def _fit(
    texts: list[str], labels: np.ndarray, features: FeatureConfig, l2: float
) -> tuple[np.ndarray, float]:
    """Weights and bias with the least loss."""
    from scipy.optimize import minimize

    used, matrix = _matrix([_features(text, features) for text in texts])
    share = np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (1 - labels).sum())

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = parameters[:-1], parameters[-1]
        logits = matrix @ weights + bias
        value = share @ (np.logaddexp(0, logits) - labels * logits) + 0.5 * l2 * weights @ weights
        error = share * (0.5 * (1 + np.tanh(0.5 * logits)) - labels)
        return value, np.append(matrix.T @ error + l2 * weights, error.sum())

    start = np.zeros(len(used) + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    weights = np.zeros(1 << features.bits, np.float32)
    weights[used] = found.x[:-1]
    return weights, float(found.x[-1])


def _matrix(rows: list[np.ndarray]) -> tuple[np.ndarray, Any]:
    """Buckets that occur, and rows of length 1: sparse float64 [num_texts, num_used]."""
    from scipy.sparse import csr_array

    sizes = np.array([len(row) for row in rows])
    used, columns = np.unique(np.concatenate(rows), return_inverse=True)
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    return used, csr_array((values, columns, ends), shape=(len(rows), len(used)))


def main() -> None:
    """Trains a classifier on two folders."""
    parser = ArgumentParser(prog="python -m jaxlm.data.filters.quality", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="learn good from bad")
    command.add_argument("good", type=Path, help="folder of texts to keep")
    command.add_argument("bad", type=Path, help="folder of texts to drop")
    command.add_argument("--out", type=Path, required=True, help="file of the classifier")
    command.add_argument("--text-field", default="text")
    command.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    good, bad = (
        read_texts(path, text_field=arguments.text_field, least=_LEAST_TEXTS)
        for path in (arguments.good, arguments.bad)
    )
    print(f"{len(good):,} good and {len(bad):,} bad texts", file=sys.stderr)
    model = train(good, bad, seed=arguments.seed)
    save(model, arguments.out)
    print(f"held-out accuracy  {model.accuracy:.4f}")
    print(f"held-out AUC       {model.auc:.4f}")
    print(f"classifier         {arguments.out}")


if __name__ == "__main__":
    run_main(main)
