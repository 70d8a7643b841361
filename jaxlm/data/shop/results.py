"""What the shop leaves in its directory, and whether it is whole.

```
config.json                 the settings; stands in for a recipe
manifest.json               written last: identity, counts, every file of the corpus with its hash
report.html, report.json    what was dropped and why
dropped.parquet             every document that was dropped, with the reason
stages/                     results of the steps; the last of them is the corpus
store/                      tokens, with a directory for each digest
```
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jaxlm.data.shop.judgement import KEPT, NOTHING_LEFT
from jaxlm.data.shop.pipeline import Prepared
from jaxlm.data.shop.stage import write_durably
from jaxlm.data.shop.versions import versions

MANIFEST = "manifest.json"
DROPPED = "dropped.parquet"


class Results:
    """The results in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def are_of(self, identity: str) -> bool:
        """Whether the directory holds whole results of that identity."""
        manifest = self._manifest()
        return manifest.get("identity") == identity and all(
            self._has_size(name, entry["bytes"]) for name, entry in manifest["files"].items()
        )

    def begin(self) -> None:
        """Takes the manifest away before anything else changes."""
        (self._directory / MANIFEST).unlink(missing_ok=True)

    def write(self, identity: str, prepared: Prepared, store: Path | None) -> None:
        """Writes the list of dropped documents, and the manifest last."""
        self._write_dropped(prepared)
        records = prepared.clean.records()
        manifest = {
            "identity": identity,
            "name": prepared.config.name,
            "documents": sum(record["documents"] for record in records),
            "bytes": sum(record["bytes"] for record in records),
            "corpus": self._relative(prepared.clean.directory),
            "store": self._relative(store) if store else None,
            "versions": versions(),
            "files": {self._relative(path): _described(path) for path in self._files(prepared)},
        }
        write_durably(self._directory / MANIFEST, json.dumps(manifest, indent=1) + "\n")

    def _files(self, prepared: Prepared) -> list[Path]:
        names = ("config.json", "report.json", "report.html", DROPPED)
        return [*prepared.clean.paths(), *(self._directory / name for name in names)]

    def summary(self) -> str:
        """What there is, in a line or two."""
        manifest = self._manifest()
        where = f"corpus of {manifest['documents']:,} documents, {manifest['bytes'] / 1e6:,.1f} MB"
        lines = [f"{where}: {self._directory / manifest['corpus']}"]
        if manifest["store"]:
            lines.append(f"token store: {self._directory / manifest['store']}")
        return "\n".join(lines)

    def _write_dropped(self, prepared: Prepared) -> None:
        schema = pa.schema([("id", pa.string()), ("source", pa.string()), ("reason", pa.string())])
        path = self._directory / DROPPED
        with pq.ParquetWriter(path, schema) as writer:
            for part, unit in enumerate(prepared.units):
                start, end = prepared.starts[part : part + 2]
                ids = prepared.texts.table(part, ["id"])["id"]
                left = prepared.clean.table(part, ["number"])["number"]
                table = prepared.judgement.table(start, end)
                # What was kept may have lost all its text to repeated lines and passages.
                emptied = pc.and_(
                    pc.equal(table["reason"], KEPT),
                    pc.invert(pc.is_in(table["number"], left.combine_chunks())),
                )
                reasons = pc.if_else(emptied, NOTHING_LEFT, table["reason"])
                source = prepared.config.sources[unit.source].name
                table = pa.table(
                    {"id": ids, "source": pa.array([source] * len(ids)), "reason": reasons}
                )
                writer.write_table(table.filter(pc.not_equal(reasons, KEPT)).cast(schema))

    def _manifest(self) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads((self._directory / MANIFEST).read_text("utf-8"))
        except (OSError, ValueError):
            return {"files": {}}
        return manifest

    def _has_size(self, name: str, size: int) -> bool:
        path = self._directory / name
        return path.is_file() and path.stat().st_size == size

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._directory).as_posix()


def _described(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": sha256}
