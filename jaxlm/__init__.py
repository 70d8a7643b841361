"""jaxlm: pretrain language models with JAX, from raw text to a trained model, on one laptop or a pod."""

__version__ = "0.1.0"
