"""A small text, a place to work in, and one run that many tests look at."""

import dataclasses
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import jaxlm.train
from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.config import TrainConfig
from jaxlm.errors import ExitCode
from jaxlm.evaluate import EvaluationConfig
from jaxlm.generate import SamplingConfig
from jaxlm.monitor.config import MonitorConfig
from tests.end_to_end.pico_recipe import get_config
from tests.end_to_end.program import RECIPE, Workplace, child_environment
from tests.end_to_end.toy import toy_build

ARTICLES = ["the", "a", "one", "every", "some", "no"]
NOUNS = ["river", "stone", "lamp", "horse", "garden", "winter", "letter", "road"]
VERBS = ["holds", "follows", "leaves", "finds", "forgets", "carries"]


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


@pytest.fixture(scope="session")
def toy_config() -> TrainConfig:
    """Twelve steps; saves after 5, 10 and 12, evaluations after 0, 4, 8 and 12."""
    return dataclasses.replace(
        get_config(),
        num_steps=12,
        checkpoint=CheckpointConfig(every_steps=5, keep=10),
        evaluation=EvaluationConfig(every_steps=4, max_batches=2),
        sampling=SamplingConfig(),
        monitor=MonitorConfig(tensorboard=False),
    )


@pytest.fixture(scope="session")
def train(toy_config: TrainConfig, workplace: Workplace) -> Callable[..., int]:
    """Trains the toy in a run directory; `on_step` is called when a step is dispatched."""

    def run(path, on_step=lambda step: None, config=toy_config, added_losses=None, build=None):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(workplace.folder)
            patch.setattr(jaxlm.train, "build", build or toy_build(on_step, added_losses))
            return jaxlm.train.run(config, path, "the same command")

    return run


@pytest.fixture(scope="session")
def whole(train: Callable[..., int], workplace: Workplace) -> Path:
    """A toy run without interruption; only to look at."""
    assert train(workplace.folder / "whole") == ExitCode.DONE
    return workplace.folder / "whole"


@pytest.fixture
def finished(whole: Path, tmp_path: Path) -> Path:
    """The same, to work on."""
    return Path(shutil.copytree(whole, tmp_path / "finished"))
