"""jaxlm: pretrain language models with JAX, from raw text to a trained model."""

__version__ = "0.1.0"
