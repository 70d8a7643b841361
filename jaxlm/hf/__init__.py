"""Models in the layout of Hugging Face."""

from typing import Any


def load_model(directory: str, **kwargs: Any) -> tuple[Any, Any]:
    """Reads a model folder; see `jaxlm.hf.load.load_model`.

    Imported on first use: architectures import `jaxlm.hf.names`, which must not import them back.
    """
    from jaxlm.hf.load import load_model as load

    return load(directory, **kwargs)
