"""The manifest of a token store: what it must say, and whether the files are what it says."""

import errno
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from jaxlm.errors import ExitCode, UserError

FORMAT = "jaxlm token store"
FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"


class Damage(NamedTuple):
    """A file that is not what the manifest says."""

    path: Path
    expected: str
    found: str


def read_manifest(directory: Path) -> dict[str, Any]:
    """Reads a manifest and checks that it is one and unchanged.

    Raises:
      UserError: It is missing, unreadable, of another format or version, or altered (exit 77).
    """
    path = directory / MANIFEST_FILE
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        found = "no such file" if directory.is_dir() else "no such directory"
        raise refusal(path, "the manifest of a complete token store", found) from error
    except OSError as error:
        raise unreadable(path, "a readable manifest", error) from error
    except ValueError as error:
        raise refusal(path, "a manifest in JSON", str(error)) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise refusal(path, f'"format": "{FORMAT}"', "another or no format")
    if manifest.get("version") != FORMAT_VERSION:
        raise refusal(path, f"format version {FORMAT_VERSION}", str(manifest.get("version")))
    digest = content_digest({key: value for key, value in manifest.items() if key != "digest"})
    if manifest.get("digest") != digest:
        raise refusal(path, f"content of digest {manifest.get('digest')}", f"digest {digest}")
    return manifest


def find_damage(directory: Path, files: dict[str, Any], with_hashes: bool) -> Iterator[Damage]:
    """Yields every file that is missing, of another size or (if asked) of another hash."""
    sound = []
    for name, entry in files.items():
        path = directory / name
        if not path.is_file():
            yield Damage(path, f"a file of {entry['size']} bytes", "no such file")
        elif (size := path.stat().st_size) != entry["size"]:
            yield Damage(path, f"{entry['size']} bytes", f"{size} bytes")
        else:
            sound.append(name)
    if not with_hashes:
        return
    paths = [directory / name for name in sound]
    for name, path, found in zip(sound, paths, _hash_files(paths), strict=True):
        if found != files[name]["sha256"]:
            yield Damage(path, f"SHA-256 {files[name]['sha256']}", f"SHA-256 {found}")


def refusal(path: Path, expected: str, found: str) -> UserError:
    """The error that says what is wrong with a file of a store."""
    return UserError(
        f"token store cannot be used: {path}: expected {expected}, found {found}. "
        f"Restore the file from a copy, or delete {path.parent} and prepare the data again",
        ExitCode.UNUSABLE,
    )


def unreadable(path: Path, expected: str, error: Exception) -> UserError:
    """The error that says why a file cannot be read: the file's fault, or this process's."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return UserError(
            f"{path} cannot be opened: {error.strerror}. The file may be whole; raise the limit of "
            "open files (ulimit -n), then start again",
            ExitCode.STORAGE,
        )
    return refusal(path, expected, str(error))


def describe_files(directory: Path) -> dict[str, Any]:
    """Size and SHA-256 of every file below a directory, the manifest aside."""
    paths = sorted(p for p in directory.rglob("*") if p.is_file() and p.name != MANIFEST_FILE)
    return {
        path.relative_to(directory).as_posix(): {"size": path.stat().st_size, "sha256": sha256}
        for path, sha256 in zip(paths, _hash_files(paths), strict=True)
    }


def content_digest(content: dict[str, Any]) -> str:
    """SHA-256 (hex) of JSON values, however they are laid out in a file."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _hash_files(paths: list[Path]) -> Iterator[str]:
    """SHA-256 of each file, in order; hashing releases the interpreter, so threads help."""
    with ThreadPoolExecutor() as pool:
        yield from pool.map(_hash_file, paths)


def _hash_file(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, "a readable file", error) from error
