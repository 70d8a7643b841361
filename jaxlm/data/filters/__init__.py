"""Rules that decide which documents are worth training on, language, quality, personal data.

One file holds one set of rules; a new file with a subclass of `RuleSet` is found by its folder.
"""

import importlib
import pkgutil
import re
import typing

if typing.TYPE_CHECKING:
    from jaxlm.data.filters.rules import RuleSet

__all__ = ["available"]


def available() -> "dict[str, type[RuleSet]]":
    """Every set of rules by name: the settings classes in this folder, `C4Config` as `c4`."""
    from jaxlm.data.filters.rules import RuleSet

    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    sets = (c for c in RuleSet.__subclasses__() if c.__module__.startswith(f"{__name__}."))
    return {_set_name(owner): owner for owner in sorted(sets, key=_set_name)}


def _set_name(owner: type) -> str:
    """`GopherQualityConfig` as `gopher_quality`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", owner.__name__.removesuffix("Config")).lower()
