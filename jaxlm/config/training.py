"""The configuration of `jaxlm.train` as a command reads it."""

from pathlib import Path

from jaxlm.config.checks import validate
from jaxlm.config.root import Root
from jaxlm.config.schema import TrainConfig

_USAGE = """\
usage: python -m jaxlm.train RECIPE [section.field=value ...] [run_dir=DIR] [--dry-run]

Trains the model that a recipe describes.

  RECIPE               a file such as configs/quickstart.py, or the config.json of an earlier run
  section.field=value  changes one setting; commas separate several values, `none` leaves one out
  run_dir=DIR          directory of the run; one that has a checkpoint is resumed
  --dry-run            show the configuration and its cost, touch nothing
  --help               this text; after a recipe, with the recipe's values
"""

TRAIN = Root(
    config=TrainConfig,
    module="jaxlm.train",
    recipes=Path("configs"),
    example="configs/quickstart.py",
    directory="run_dir",
    usage=_USAGE,
    title="Run",
    validate=validate,
)
