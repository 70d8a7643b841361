"""Sample text from a trained model."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Samples drawn at the end of training, for the report.

    Attributes:
      prompts: One sample each.
      max_new_tokens: Tokens to draw after the prompt.
      temperature: Divides the logits; 0 takes the most likely token.
    """

    prompts: tuple[str, ...] = ()
    max_new_tokens: int = 64
    temperature: float = 0.8
