"""Text in one form: encodings, characters, scripts, spaces and capitals, each by a switch."""

from jaxlm.data.normalise.case import decase, recase
from jaxlm.data.normalise.config import WEB, NormaliseConfig
from jaxlm.data.normalise.pipeline import normalise, normalise_table

__all__ = ["WEB", "NormaliseConfig", "decase", "normalise", "normalise_table", "recase"]
