"""The manifest of a checkpoint: size and SHA-256 of every file, and the check against it.

Orbax commits atomically but does not verify: one flipped bit in its array files is restored as
wrong numbers without a word. The manifest is what makes a checkpoint trustworthy.
"""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxlm.checkpoint.steps import MANIFEST, CheckpointInfo

FORMAT = 1
_HASH_THREADS = 4


@dataclass(frozen=True)
class Damage:
    """Why a checkpoint cannot be trusted: the bad file, relative to the step, and what is wrong."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


def write_manifest(step: int, directory: Path) -> None:
    """Hashes every file below `directory` and writes `manifest.json` beside them."""
    files = {
        path.relative_to(directory).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": _sha256(path),
        }
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
    (directory / MANIFEST).write_bytes(_render(step, files))


def find_damage(info: CheckpointInfo, *, hashes: bool = True) -> Damage | None:
    """Compares a checkpoint with its manifest.

    Args:
      info: The checkpoint.
      hashes: Also read and hash every file; otherwise only the manifest itself and the sizes are
        checked.

    Returns:
      The first damage found, or None for a good checkpoint. Files that the manifest does not name
      are ignored.
    """
    try:
        files = _read_manifest(info)
    except _ManifestError as error:
        return Damage(MANIFEST, str(error))
    damages = _wrong_sizes(info.path, files)
    return next(damages, None) or (next(_wrong_hashes(info.path, files), None) if hashes else None)


class _ManifestError(Exception):
    """The manifest itself is missing or damaged."""


def _render(step: int, files: dict[str, Any]) -> bytes:
    """The one spelling of a manifest; its own digest is in it, so a flip anywhere shows."""
    body = {"files": files, "format": FORMAT, "step": step}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps({**body, "sha256": digest}, sort_keys=True, indent=1).encode() + b"\n"


def _read_manifest(info: CheckpointInfo) -> dict[str, Any]:
    try:
        written = (info.path / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise _ManifestError("missing, so the checkpoint was never completed") from None
    except OSError as error:
        raise _ManifestError(f"cannot be read ({error})") from error
    try:
        manifest = json.loads(written)
        step, files, format_ = manifest["step"], manifest["files"], manifest["format"]
    except (ValueError, KeyError, TypeError):
        raise _ManifestError(f"not a manifest ({len(written)} bytes)") from None
    if format_ != FORMAT:
        raise _ManifestError(f"format {format_!r}, this version of jaxlm reads format {FORMAT}")
    if _render(step, files) != written:
        raise _ManifestError("does not match its own SHA-256")
    if step != info.step:
        raise _ManifestError(f"belongs to step {step}")
    return files


def _wrong_sizes(directory: Path, files: dict[str, Any]) -> Iterator[Damage]:
    for name, expected in files.items():
        try:
            found = (directory / name).stat().st_size
        except OSError:
            yield Damage(name, "missing")
            continue
        if found != expected["bytes"]:
            yield Damage(name, f"expected {expected['bytes']} bytes, found {found}")


def _wrong_hashes(directory: Path, files: dict[str, Any]) -> Iterator[Damage]:
    # hashlib lets go of the interpreter lock, so threads hash at the speed of the cores.
    with ThreadPoolExecutor(_HASH_THREADS) as pool:
        digests = {name: pool.submit(_sha256_or_error, directory / name) for name in files}
        for name, expected in files.items():
            found = digests[name].result()
            if found != expected["sha256"]:
                yield Damage(name, f"expected SHA-256 {expected['sha256']}, found {found}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_or_error(path: Path) -> str:
    try:
        return _sha256(path)
    except OSError as error:
        return f"no data ({error.strerror or error})"
