"""How one parameter of ours is spelled and laid out in a Hugging Face checkpoint.

Imports nothing of jaxlm, so that each architecture can hold its own table.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Plain:
    """A tensor stored as it is."""

    name: str

    def fits(self, tensor: np.ndarray, shape: tuple[int, ...]) -> bool:
        """Whether a stored tensor can be our parameter of that shape."""
        return tensor.shape == shape

    def to_ours(self, tensor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Converts to our layout, `shape`."""
        return tensor.reshape(shape)


@dataclass(frozen=True)
class Linear:
    """The weight of a `torch.nn.Linear`, stored [out, in]; ours is [*in, *out]."""

    name: str

    def fits(self, tensor: np.ndarray, shape: tuple[int, ...]) -> bool:
        """Whether a stored tensor can be our parameter of that shape: both cut into out and in."""
        cuts = [math.prod(shape[cut:]) for cut in range(1, len(shape))]
        return tensor.ndim == 2 and tensor.size == math.prod(shape) and tensor.shape[0] in cuts

    def to_ours(self, tensor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Converts to our layout, `shape`."""
        return np.ascontiguousarray(tensor.T).reshape(shape)


@dataclass(frozen=True)
class NameTable:
    """What an architecture must tell to be read from a Hugging Face folder.

    Attributes:
      model_type: `model_type` of its `config.json`.
      config: Maps that file's content to our configuration.
      names: Our parameter's path to its entry; `{layer}` in a name is the layer's number, from 0.
      ignored: Endings of tensor names that hold no parameter.
    """

    model_type: str
    config: Callable[[dict[str, Any]], Any]
    names: Mapping[str, Plain | Linear]
    ignored: tuple[str, ...] = ("rotary_emb.inv_freq",)
