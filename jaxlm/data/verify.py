"""`python -m jaxlm.data verify STORE`: is every file what the manifest says?"""

from pathlib import Path

from jaxlm.data.manifest import find_damage, read_manifest
from jaxlm.data.store import TokenStore
from jaxlm.errors import ExitCode, UserError


def verify(directory: Path) -> int:
    """Reads every file of a store again and prints what is damaged.

    Returns:
      0, or 77 when something is.

    Raises:
      UserError: The manifest itself is missing or damaged, or the offsets are (exit 77).
    """
    manifest = read_manifest(directory)
    files = manifest["files"]
    damaged = list(find_damage(directory, files, with_hashes=True))
    for damage in damaged:
        print(f"damaged: {damage.path}: expected {damage.expected}, found {damage.found}")
    if damaged:
        raise UserError(
            f"{len(damaged)} of {len(files)} files of {directory} are damaged; restore them from "
            "a copy, or delete the store and prepare the data again",
            ExitCode.UNUSABLE,
        )
    store = TokenStore.open(directory, verify="size")
    for split in manifest["splits"]:
        store.split(split)  # which checks the offsets
    size = sum(entry["size"] for entry in files.values())
    print(f"{directory}: all {len(files)} files are whole ({size / 1e6:,.1f} MB)")
    print(f"digest {store.digest}")
    return ExitCode.DONE
