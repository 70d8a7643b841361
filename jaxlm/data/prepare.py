"""Prepare a corpus: `python -m jaxlm.data.prepare configs/prepare/NAME.py [section.key=value ...]`.

Raw documents become a clean corpus, a token store and a report. What is done is kept: started
again, the command goes on where it was, and a changed setting redoes what depends on it.
"""

import json
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jaxlm.errors import ExitCode, run_main

if TYPE_CHECKING:
    from jaxlm.config.loader import Loaded

# The processes of the shop import this module again: what is heavy is imported in functions.


def main() -> int:
    """Reads the command line and prepares."""
    from jaxlm.config.loader import load
    from jaxlm.data.shop.root import PREPARE

    loaded = load(sys.argv[1:], root=PREPARE)
    out_dir = loaded.directory or Path("prepared") / loaded.config.name
    return _dry_run(loaded) if loaded.dry_run else _prepare(loaded, out_dir)


def _prepare(loaded: "Loaded", out_dir: Path) -> int:
    from jaxlm.checkpoint.lock import RunLock
    from jaxlm.config.serialise import digest, to_json
    from jaxlm.data.shop.engine import open_engine
    from jaxlm.data.shop.pipeline import Shop
    from jaxlm.data.shop.results import Results
    from jaxlm.data.shop.stage import write_durably
    from jaxlm.data.shop.summary import make_report
    from jaxlm.data.shop.tokens import make_tokens
    from jaxlm.monitor.progress import Progress
    from jaxlm.report.data import write_shop_page

    config = loaded.config
    engine = open_engine(config.engine, config.workers)
    results = Results(out_dir)
    with closing(engine), RunLock(out_dir), Progress(0, 1) as progress:
        shop = Shop(config, out_dir / "stages", engine, progress.note, progress.phase)
        identity = shop.identity(digest(replace(config, workers=0, engine="local")))
        if results.are_of(identity):
            progress.note(f"nothing to do: {out_dir} is finished; {results.summary()}")
            return ExitCode.DONE
        results.begin()
        write_durably(out_dir / "config.json", json.dumps(to_json(config), indent=1) + "\n")
        prepared = shop.run()
        report = make_report(prepared, engine, progress.phase).to_json()
        write_durably(out_dir / "report.json", json.dumps(report, allow_nan=False))
        page = write_shop_page(report, out_dir / "report.html")
        progress.note(f"report: {page}")
        store = make_tokens(prepared, out_dir, progress.note, progress.phase)
        results.write(identity, prepared, store)
        progress.note(results.summary())
    return ExitCode.DONE


def _dry_run(loaded: "Loaded") -> int:
    from jaxlm.config.fields import get
    from jaxlm.config.problems import columns
    from jaxlm.config.values import to_text
    from jaxlm.data.shop.units import plan_units

    config = loaded.config
    rows = [
        (path, to_text(get(config, path)), f"({origin})") for path, origin in loaded.origins.items()
    ]
    print("\n".join(columns(rows)))
    units = plan_units(config.sources, config.part_bytes)
    for number, source in enumerate(config.sources):
        own = [unit for unit in units if unit.source == number]
        files, size = sum(len(u.files) for u in own), sum(u.num_bytes for u in own)
        print(f"source {source.name}: {files:,} files, {size / 1e6:.1f} MB in {len(own)} parts")
    return ExitCode.DONE


if __name__ == "__main__":
    run_main(main)
