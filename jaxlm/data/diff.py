"""`python -m jaxlm.data diff A B`: what two token stores have in common and what not."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxlm.data.store import Source, TokenStore
from jaxlm.errors import ExitCode

_SHOWN = 10
_COUNTS = ("num_documents", "num_tokens", "num_bytes", "weight")


def diff(first: Path, second: Path) -> int:
    """Prints how two stores differ: counts, tokenizer, versions, documents.

    Returns:
      0 when they hold the same, 1 when they differ.

    Raises:
      UserError: One of them is damaged (exit 77).
    """
    stores = TokenStore.open(first), TokenStore.open(second)
    if stores[0].digest == stores[1].digest:
        print(f"identical: digest {stores[0].digest}")
        return ExitCode.DONE
    lines = [*settings_differences(*stores), *document_differences(*stores)]
    print(f"- {first}: digest {stores[0].digest}\n+ {second}: digest {stores[1].digest}")
    print("\n".join(lines or ["the same documents in files that are laid out otherwise"]))
    return 1


def settings_differences(first: TokenStore, second: TokenStore) -> Iterator[str]:
    """A line for each value of the manifests that differs, files and counts of sources aside."""
    before, after = (_flatten(_facts(store)) for store in (first, second))
    for name in sorted(before.keys() | after.keys()):
        a, b = before.get(name, "nothing"), after.get(name, "nothing")
        if a != b:
            yield f"{name}: {a} -> {b}"


def document_differences(first: TokenStore, second: TokenStore) -> Iterator[str]:
    """Lines on the documents that only one of the stores has, by id and tokens."""
    sources = [_sources(store) for store in (first, second)]
    for name in sorted(sources[0].keys() | sources[1].keys()):
        here, there = (_documents(found.get(name)) for found in sources)
        yield from _listed(name, "-", _only(here, there))
        yield from _listed(name, "+", _only(there, here))


def _facts(store: TokenStore) -> dict[str, Any]:
    splits = store.manifest["splits"]
    counts = {
        split: {source["name"]: {key: source[key] for key in _COUNTS} for source in sources}
        for split, sources in splits.items()
    }
    return {**counts, "dtype": store.manifest["dtype"], **store.manifest["extra"]}


def _flatten(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flatten(inner, f"{name}.{key}" if name else str(key))
    return flat


def _sources(store: TokenStore) -> dict[str, Source]:
    return {
        f"{split}.{source.name}": source
        for split in store.manifest["splits"]
        for source in store.split(split)
    }


def _documents(source: Source | None) -> dict[tuple[str, str], list[int]]:
    """Numbers of the documents of each (id, fingerprint of the tokens).

    Without ids, documents of the same tokens are the same wherever they stand.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for number in range(0 if source is None else len(source.offsets) - 1):
        assert source is not None
        content = source.document(number).astype("<u4").tobytes()
        fingerprint = hashlib.blake2b(content, digest_size=8).hexdigest()
        found.setdefault((source.document_id(number) or "", fingerprint), []).append(number)
    return found


def _only(
    here: dict[tuple[str, str], list[int]], there: dict[tuple[str, str], list[int]]
) -> list[tuple[int, str]]:
    """Number and id of the documents that only `here` has; of copies, those beyond the other's."""
    return sorted(
        (number, name)
        for (name, content), numbers in here.items()
        for number in numbers[len(there.get((name, content), [])) :]
    )


def _listed(name: str, sign: str, documents: list[tuple[int, str]]) -> Iterator[str]:
    for number, document_id in documents[:_SHOWN]:
        yield f"{sign} {name}: document {number}{f' ({document_id})' if document_id else ''}"
    if len(documents) > _SHOWN:
        yield f"{sign} {name}: and {len(documents) - _SHOWN:,} more documents"
