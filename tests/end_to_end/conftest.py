"""A small text, a place to work in, and one run that many tests look at."""

import random
from pathlib import Path

import pytest

from tests.end_to_end.program import RECIPE, Workplace, child_environment

ARTICLES = "the a one every some no".split()
NOUNS = "river stone lamp horse garden winter letter road".split()
VERBS = "holds follows leaves finds forgets carries".split()


def make_texts(documents: int = 30, sentences: int = 30) -> list[str]:
    """Sentences that a tiny model learns in a few hundred steps."""
    draw = random.Random(0).choice
    return [
        "".join(
            f"{draw(ARTICLES)} {draw(NOUNS)} {draw(VERBS)} {draw(ARTICLES)} {draw(NOUNS)}.\n"
            for _ in range(sentences)
        )
        for _ in range(documents)
    ]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return make_texts()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Workplace:
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "text").mkdir()
    for number, text in enumerate(texts):
        (folder / "text" / f"{number:02}.txt").write_text(text)
    return Workplace(folder, child_environment(tmp_path_factory.mktemp("compiled")))


@pytest.fixture(scope="session")
def trained(workplace: Workplace) -> Path:
    """An uninterrupted run of the pico recipe; its standard error is in `trained.txt` beside it."""
    result = workplace.train(str(RECIPE), "run_dir=trained")
    assert result.returncode == 0, result.stderr
    (workplace.folder / "trained.txt").write_text(result.stderr)
    return workplace.folder / "trained"
