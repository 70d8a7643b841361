"""A model in one file: numpy arrays, and a header in JSON. No pickle."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxlm.errors import ExitCode, UserError


def write_npz(
    path: str | Path, kind: str, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Writes a model; equal ones become equal bytes.

    Args:
      path: The file.
      kind: What sort of model it is, with the version of its format.
      header: What JSON can hold.
      arrays: By name; `header` is taken.
    """
    text = json.dumps({"kind": kind, **header})
    content: dict[str, Any] = {"header": np.array(text), **arrays}
    with open(path, "wb") as file:
        np.savez_compressed(file, **content)


def read_npz(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads the header and the arrays of a model.

    Raises:
      UserError: The file is missing, damaged, or of another kind (exit 77).
    """
    try:
        # np.load leaves a file open that it opened itself and found damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
        header = json.loads(str(arrays.pop("header")))
        found = header.pop("kind")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: cannot read a {kind} model: {error}", ExitCode.UNUSABLE
        ) from error
    if found != kind:
        raise UserError(f"{path}: this is a {found} model, not {kind}", ExitCode.UNUSABLE)
    return header, arrays
