"""JSON lines: each line is an object with the text in one field."""

import io
import json

from jaxlm.data.readers.lines import read_lines
from jaxlm.data.readers.records import (
    Fault,
    Item,
    Items,
    ReadOptions,
    decode,
    record_item,
    too_long,
)


def read_jsonl(file: io.BufferedReader, options: ReadOptions) -> Items:
    """Yields the text of each line that is not blank."""
    for number, line in enumerate(read_lines(file, options.max_document_bytes), start=1):
        if line is None:
            yield Item(number, number, too_long("the line", options))
        elif not line.isspace():
            yield _parse(number, line, options)


def _parse(number: int, line: bytes, options: ReadOptions) -> Item:
    decoded = decode(line)
    if isinstance(decoded, Fault):
        return Item(number, number, decoded)
    try:
        record = json.loads(decoded)
    except (ValueError, RecursionError) as error:
        return Item(number, number, Fault(reason=f"not JSON: {error}"))
    if not isinstance(record, dict):
        reason = f"not a JSON object but {type(record).__name__}"
        return Item(number, number, Fault(reason=reason))
    return record_item(number, record, options, "field")
