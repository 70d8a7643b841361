"""The configuration of a training run: what it holds, how it is read, checked and explained."""

from jaxlm.config.schema import BatchConfig, TrainConfig

__all__ = ["BatchConfig", "TrainConfig"]
