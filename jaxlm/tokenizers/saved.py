"""The JSON file of our own tokenizers: `type`, `version` and what the kind needs."""

import json
from collections.abc import Mapping
from typing import Any

from jaxlm.errors import ExitCode, UserError


def canonical(kind: str, version: int, content: Mapping[str, Any]) -> str:
    """The one spelling of a tokenizer's content, which its fingerprint hashes."""
    data = {"type": kind, "version": version, **content}
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def check_kind(data: Mapping[str, Any], kind: str, version: int) -> None:
    """Refuses the content of another kind or version.

    Raises:
      UserError: It is one (exit 77).
    """
    if data.get("type") != kind or data.get("version") != version:
        raise UserError(
            f"not a tokenizer of type {kind!r}, version {version}, but of type "
            f"{data.get('type')!r}, version {data.get('version')!r}",
            ExitCode.UNUSABLE,
        )
