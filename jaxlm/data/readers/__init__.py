"""Documents out of files of many formats; what cannot be read is named, never skipped."""

from jaxlm.data.readers.listing import ListedFile, Listing, list_files
from jaxlm.data.readers.read import SUFFIXES, is_supported, read_file, read_tables
from jaxlm.data.readers.records import (
    MAX_DOCUMENT_BYTES,
    BadDocument,
    Document,
    Location,
    ReadOptions,
    Record,
)
from jaxlm.data.readers.streams import version_of

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "SUFFIXES",
    "BadDocument",
    "Document",
    "ListedFile",
    "Listing",
    "Location",
    "ReadOptions",
    "Record",
    "is_supported",
    "list_files",
    "read_file",
    "read_tables",
    "version_of",
]
