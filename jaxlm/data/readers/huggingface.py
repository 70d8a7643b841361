"""Hugging Face datasets, streamed by their own library."""

import re
from typing import Any, NamedTuple

from jaxlm.data.readers.records import Items, Location, ReadOptions, record_item
from jaxlm.errors import ExitCode, UserError

SCHEME = "hf://datasets/"

_ADDRESS = re.compile(
    re.escape(SCHEME)
    + r"(?P<name>[^@:#]+)(?:@(?P<revision>[^:#]+))?(?::(?P<split>[^#]+))?(?:#(?P<config>.+))?"
)


class Address(NamedTuple):
    """A dataset as `hf://datasets/NAME[@REVISION][:SPLIT][#CONFIG]` names it."""

    name: str
    revision: str | None
    split: str
    config: str | None


def is_dataset(location: Location) -> bool:
    """Whether a place is a Hugging Face dataset."""
    return str(location).startswith(SCHEME)


def parse_address(location: str) -> Address:
    """Takes the parts of an address; the split is `train` where it says none.

    Raises:
      UserError: It is no address of a dataset.
    """
    match = _ADDRESS.fullmatch(location)
    if match is None:
        raise UserError(
            f"{location}: not the address of a dataset; write {SCHEME}NAME, and after it "
            "@REVISION, :SPLIT and #CONFIG where they are needed"
        )
    return Address(match["name"], match["revision"], match["split"] or "train", match["config"])


def dataset_version(location: str) -> tuple[str, int]:
    """The revision (or hash) of a dataset's content and its size in bytes, where known.

    Raises:
      UserError: `datasets` is not installed, or the dataset cannot be found.
    """
    address = parse_address(location)
    library = _library()
    try:
        builder = library.load_dataset_builder(
            address.name, address.config, revision=address.revision
        )
    except Exception as error:  # network, hub and its scripts have exceptions of their own
        raise _unreachable(location, error) from error
    return str(builder.hash), int(builder.info.download_size or 0)


def read_dataset(location: str, options: ReadOptions) -> Items:
    """Yields the rows of a dataset, which is streamed rather than downloaded.

    Raises:
      UserError: `datasets` is not installed, or the dataset cannot be reached (exit 74).
    """
    address = parse_address(location)
    library = _library()
    try:
        rows = library.load_dataset(
            address.name,
            address.config,
            split=address.split,
            revision=address.revision,
            streaming=True,
        )
        for row, record in enumerate(rows, start=1):
            yield record_item(row, record, options, "column")
    except Exception as error:
        raise _unreachable(location, error) from error


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise UserError(
            f"{SCHEME} needs the package datasets: pip install datasets", ExitCode.UNUSABLE
        ) from error
    return datasets


def _unreachable(location: str, error: Exception) -> UserError:
    return UserError(
        f"{location}: cannot read the dataset: {type(error).__name__}: {error}; check its name, "
        "split and configuration, and that the hub is reachable",
        ExitCode.STORAGE,
    )
