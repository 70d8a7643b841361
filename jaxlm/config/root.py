"""The kinds of configuration: what recipes of a folder return and a command runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxlm.config.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Root:
    """A command and the class of its configuration.

    Attributes:
      config: The dataclass that a recipe's `get_config()` returns.
      module: What `python -m` runs.
      recipes: Folder of the recipes.
      example: A recipe to name in messages.
      directory: Argument that names the directory of results; no part of the configuration.
      usage: First lines of the help.
      title: Heading of the settings that belong to no section.
      validate: All problems of a well-typed configuration, given the number of devices or none.
    """

    config: type[Any]
    module: str
    recipes: Path
    example: str
    directory: str
    usage: str
    title: str
    validate: Callable[[Any, int | None], list[Problem]]
