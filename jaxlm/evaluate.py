"""Loss, perplexity and bits per byte of a trained model on held-out data."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """When and on how much held-out text to evaluate during training.

    Attributes:
      every_steps: Steps between evaluations, besides those before the first and after the last
        step; 0 means only these two.
      max_batches: Batches of the validation split to use; 0 means all of it.
    """

    every_steps: int = 100
    max_batches: int = 16
