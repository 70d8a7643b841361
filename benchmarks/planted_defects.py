"""Ten defects planted into a Chinese and English corpus: does the shop's report show each?

    python -m benchmarks.planted_defects --english news.jsonl --chinese tang.jsonl \
        --german train.de.gz --evaluation test.jsonl --out planted

Prints what was planted, and for each defect the findings of the report that name its source.
"""

import argparse
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from jaxlm.data.analysis import findings, shop_findings

ROOT = Path(__file__).resolve().parents[1]
BOILERPLATE = "Subscribe to our newsletter and follow us for the latest updates and offers."
RECIPE = """
from jaxlm.data.dedup.config import LinesConfig
from jaxlm.data.normalise import WEB
from jaxlm.data.shop.config import EvaluationSetsConfig, PrepareConfig, SourceConfig
from jaxlm.tokenizers.config import SentencePieceConfig

ENGLISH = {"rules": ("gopher_quality", "table"), "languages": ("en",)}


def get_config():
    names = ("news", "archive", "web", "forum", "scraped", "letters", "sheets")
    english = [SourceConfig(name=n, path=(f"raw/{n}",), id_field="id", **ENGLISH) for n in names]
    poems = SourceConfig(name="poems", path=("raw/poems",), id_field="id")
    return PrepareConfig(
        name="planted",
        sources=(*english, poems),
        normalise=WEB,
        evaluation_sets=EvaluationSetsConfig(path=("raw/evaluation.jsonl",)),
        lines=LinesConfig(most_documents=10),
        tokenizer=SentencePieceConfig(vocab_size=8000),
    )
"""


def texts(path: Path, field: str) -> list[str]:
    """The texts of a JSONL file, or the lines of a compressed one."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt") as file:
            return [line.strip() for line in file]
    return [json.loads(line)[field] for line in path.read_text("utf-8").splitlines()]


def plant(arguments: argparse.Namespace, raw: Path) -> dict[str, str]:
    """Writes the corpus; returns the source of each defect."""
    rng = random.Random(0)
    english = [text for text in texts(arguments.english, "text") if len(text) > 600]
    rng.shuffle(english)
    parts = iter(english[start : start + 60] for start in range(0, len(english), 60))
    german = texts(arguments.german, "")
    quiz = texts(arguments.evaluation, "question")
    poems = texts(arguments.chinese, "text")

    news = next(parts) + next(parts)
    _write(raw, "news", news)
    _write(raw, "poems", poems[:600])
    _write(raw, "archive", news[:50] + next(parts))  # a duplicated shard
    _write(raw, "web", _with_boilerplate(next(parts), rng) + _with_markup(next(parts), rng))
    forum = _with_leaks(next(parts), quiz[:12]) + _with_mojibake(next(parts))
    _write(raw, "forum", forum)
    scraped = next(parts)
    _write(raw, "scraped", scraped + [_edited(text, rng) for text in scraped[:20]])
    _write(raw, "letters", [" ".join(german[n : n + 12]) for n in range(0, 720, 12)])
    sheets = [*next(parts), *_sheets(rng), *_contacts(rng), *["", " ", "ok", "yes"] * 4]
    _write(raw, "sheets", sheets)
    lines = [json.dumps({"id": f"quiz:{n}", "text": text}) for n, text in enumerate(quiz)]
    (raw / "evaluation.jsonl").write_text("\n".join(lines) + "\n")
    return {
        "a source in the wrong language": "letters",
        "boilerplate lines": "web",
        "mojibake": "forum",
        "a duplicated shard": "archive",
        "leaked evaluation text": "forum",
        "a numbers dump": "sheets",
        "edited copies": "scraped",
        "markup": "web",
        "empty and very short documents": "sheets",
        "lists of addresses and telephones": "sheets",
    }


def _write(raw: Path, name: str, documents: list[str]) -> None:
    (raw / name).mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"id": f"{name}:{n}", "text": text}) for n, text in enumerate(documents)]
    (raw / name / "0.jsonl").write_text("\n".join(lines) + "\n")


def _with_boilerplate(documents: list[str], rng: random.Random) -> list[str]:
    return [f"{text}\n{BOILERPLATE}" if rng.random() < 0.6 else text for text in documents]


def _with_markup(documents: list[str], rng: random.Random) -> list[str]:
    def marked(text: str) -> str:
        words = (f"<p class='a'>{w}</p>&nbsp;" if rng.random() < 0.1 else w for w in text.split())
        return f"<div>{' '.join(words)}</div>"

    return [marked(text) if rng.random() < 0.5 else text for text in documents]


def _with_leaks(documents: list[str], quiz: list[str]) -> list[str]:
    leaking = zip(documents, quiz, strict=False)
    return [f"{text}\n{item}\n{text[:200]}" for text, item in leaking] + documents[len(quiz) :]


def _with_mojibake(documents: list[str]) -> list[str]:
    def broken(text: str) -> str:
        mended = text.replace("'", "\u2019").replace(" - ", " \u2013 ").replace('"', "\u201d")
        return mended.encode("utf-8").decode("cp1252", "ignore")

    return [broken(text) if n % 3 == 0 else text for n, text in enumerate(documents)]


def _edited(text: str, rng: random.Random) -> str:
    return " ".join("indeed" if rng.random() < 0.02 else word for word in text.split())


def _sheets(rng: random.Random) -> list[str]:
    return [
        "\n".join(" ".join(str(rng.randrange(10**5)) for _ in range(12)) for _ in range(40))
        for _ in range(15)
    ]


def _contacts(rng: random.Random) -> list[str]:
    def entry() -> str:
        name = "".join(rng.choices("abcdefghij", k=8))
        number = f"(212) {rng.randrange(200, 999)}-{rng.randrange(10**3, 10**4)}"
        return f"{name} {name}@example.org {number}"

    return ["\n".join(entry() for _ in range(30)) for _ in range(10)]


def found(report: dict) -> Iterator[tuple[str, str]]:
    """Source and sentence of every finding."""
    for finding in [*shop_findings.find(report), *findings.find(report["before"])]:
        yield finding.source, finding.title


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted_defects")
    for name in ("english", "chinese", "german", "evaluation", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    defects = plant(arguments, out / "raw")
    (out / "recipe.py").write_text(RECIPE)
    command = [sys.executable, "-m", "jaxlm.data.prepare", "recipe.py", "out_dir=corpus"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    subprocess.run(command, cwd=out, check=True, env=environment)
    report = json.loads((out / "corpus" / "report.json").read_text())
    sentences = list(found(report))
    for defect, source in defects.items():
        print(f"\n{defect} ({source}):")
        for owner, sentence in sentences:
            if source in (owner, *sentence.replace(":", " ").split()):
                print(f"  {sentence}")
    print(f"\npage: {out / 'corpus' / 'report.html'}")


if __name__ == "__main__":
    main()
