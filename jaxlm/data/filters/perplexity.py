"""How surprising a text's characters are to someone who has only read a reference.

`python -m jaxlm.data.filters.perplexity train REFERENCE --out FILE` counts character n-grams in a
folder of texts that are as the corpus should be. Dumps, other languages and damaged text cost many
bits per character, copies of the reference few.

Each order is smoothed by the one below: p(x | k characters) = (count(k characters, x) +
strength p(x | k - 1 characters)) / (count(k characters) + strength), down to all code points being
equal. Counts lie in hashed buckets, so that collisions make them an upper bound.

Source: MacKay and Bauman Peto 1995, "A hierarchical Dirichlet language model"; the use as a filter,
Wenzek et al. 2020, arXiv 1911.00359 (CCNet).
"""

import functools
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxlm.data.filters import hashing
from jaxlm.data.filters.folder import read_texts
from jaxlm.data.filters.npz import read_npz, write_npz
from jaxlm.data.filters.rules import Rule, RuleSet
from jaxlm.data.filters.text import Text
from jaxlm.errors import ArgumentParser, run_main

_KIND = "perplexity-1"
_NUM_CODES = 0x110000
_HELD_OUT = 10  # every tenth text tells what the model says of unseen ones


@dataclass(frozen=True, kw_only=True)
class Model:
    """Counts of character n-grams.

    Attributes:
      grams: Occurrences of (context, character), by length of the context and bucket: uint32
        [order, 2^bits].
      contexts: Occurrences of contexts: uint32 [order, 2^bits].
      strength: Weight of the shorter context's estimate, in occurrences.
    """

    grams: np.ndarray
    contexts: np.ndarray
    strength: float


@dataclass(frozen=True, kw_only=True)
class PerplexityConfig(RuleSet):
    """Keeps what resembles a reference.

    Attributes:
      model: File of the trained model.
      least_bits: Fewest bits per character; below are copies of the reference, and long runs.
      most_bits: Most bits per character; like prose has about 2, code and other languages above 5.
    """

    model: str = ""
    least_bits: float = 0.0
    most_bits: float = 4.0

    def rules(self) -> tuple[Rule, ...]:
        load(self.model)  # a missing file is named before the work begins
        return (
            Rule(
                name=f"perplexity.{Path(self.model).stem}",
                measure=functools.partial(_bits, path=self.model),
                least=self.least_bits,
                most=self.most_bits,
                source=f"after Wenzek et al. 2020, arXiv 1911.00359; model {self.model}",
            ),
        )


def train(texts: Iterable[str], *, order: int = 6, bits: int = 20, strength: float = 8.0) -> Model:
    """Counts the n-grams of texts.

    Args:
      texts: The reference.
      order: Characters of the longest n-gram.
      bits: Logarithm to base 2 of the buckets of each order.
      strength: Weight of the shorter context's estimate, in occurrences.
    """
    grams, contexts = np.zeros((2, order, 1 << bits), np.uint32)
    for text in texts:
        for length, (gram, context) in enumerate(_buckets(text, order, bits)):
            np.add.at(grams[length], gram, 1)
            np.add.at(contexts[length], context, 1)
    return Model(grams=grams, contexts=contexts, strength=strength)


def bits_per_character(text: str, model: Model) -> float:
    """Mean information of a text's characters, in bits; 0 of the empty text."""
    if not text:
        return 0.0
    order, size = model.grams.shape
    chance = np.full(len(text), 1 / _NUM_CODES)
    for length, (gram, context) in enumerate(_buckets(text, order, size.bit_length() - 1)):
        chance = (model.grams[length][gram] + model.strength * chance) / (
            model.contexts[length][context] + model.strength
        )
    return float(-np.log2(chance).mean())


def save(model: Model, path: str | Path) -> None:
    """Writes a model as one .npz file."""
    arrays = {"grams": model.grams, "contexts": model.contexts}
    write_npz(path, _KIND, {"strength": model.strength}, arrays)


@functools.cache
def load(path: str | Path) -> Model:
    """Reads a model.

    Raises:
      UserError: The file is missing or is not one.
    """
    header, arrays = read_npz(path, _KIND)
    return Model(grams=arrays["grams"], contexts=arrays["contexts"], strength=header["strength"])


def _bits(text: Text, *, path: str) -> float:
    return bits_per_character(text.text, load(path))


def _buckets(text: str, order: int, bits: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each length of context, buckets of each character with its context, and of the latter.

    Line ends stand before the text, so that every character has a context of every length.
    """
    hashes = hashing.grams(hashing.characters("\n" * (order - 1) + text), order)
    grams = [hashing.buckets(values, bits) for values in hashes]
    contexts = [np.zeros_like(grams[0]), *grams]
    starts = [slice(order - 1 - length, order - 1 - length + len(text)) for length in range(order)]
    return [(grams[n][start], contexts[n][start]) for n, start in enumerate(starts)]


def main() -> None:
    """Trains a model on a folder."""
    parser = ArgumentParser(prog="python -m jaxlm.data.filters.perplexity", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="count the n-grams of a reference")
    command.add_argument("reference", type=Path, help="folder of texts")
    command.add_argument("--out", type=Path, required=True, help="file of the model")
    command.add_argument("--text-field", default="text")
    arguments = parser.parse_args()
    texts = read_texts(arguments.reference, text_field=arguments.text_field, least=_HELD_OUT)
    print(f"{len(texts):,} texts", file=sys.stderr)
    model = train(text for index, text in enumerate(texts) if index % _HELD_OUT)
    save(model, arguments.out)
    held_out = [bits_per_character(text, model) for text in texts[::_HELD_OUT]]
    lowest, middle, highest = np.quantile(held_out, (0.05, 0.5, 0.95))
    print(
        f"bits per character of held-out texts, 5 %, 50 %, 95 %: "
        f"{lowest:.2f} {middle:.2f} {highest:.2f}"
    )
    print(f"model  {arguments.out}")


if __name__ == "__main__":
    run_main(main)
