"""The shop from raw files to a clean corpus: what it drops, and what it does again."""

import dataclasses
import gzip
import json
import random

import pyarrow.parquet as pq
import pytest

from jaxlm.data.dedup.config import LinesConfig, NearConfig, SubstringsConfig
from jaxlm.data.filters.table import TableConfig
from jaxlm.data.normalise import NormaliseConfig
from jaxlm.data.shop.config import (
    EvaluationSetsConfig,
    FiltersConfig,
    PrepareConfig,
    SourceConfig,
    TokensConfig,
)
from jaxlm.data.shop.local import LocalEngine
from jaxlm.data.shop.pipeline import Shop
from jaxlm.errors import ExitCode, UserError

WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("n", "r", "st", "l")]
NOTICE = "This notice stands at the foot of every single page of the site."


def sentence(rng, length=60):
    return " ".join(rng.choices(WORDS, k=length)) + "."


def corpus(folder):
    """Two sources; what is wrong in them is named by the documents' ids."""
    rng = random.Random(0)
    a = {f"a{n}": sentence(rng) for n in range(12)}
    a["a-copy"] = a["a3"].upper()
    a["a-edited"] = a["a5"].replace(a["a5"].split()[30], "xylophone", 1)
    a["a-empty"] = " \u200b\n"
    a["a-digits"] = " ".join(str(n * 37) for n in range(300))
    a["a-mail"] = sentence(rng) + " Write to somebody@example.org."
    b = {f"b{n}": f"{sentence(rng)}\n{NOTICE}" for n in range(8)}
    b["b-copy"] = a["a7"]
    quiz = " ".join(sentence(rng, 20).split())
    b["b-leak"] = f"{sentence(rng)} {quiz} {sentence(rng)}"
    passage = sentence(rng, 50)
    b["b-first"] = f"{sentence(rng)} {passage} {sentence(rng)}"
    b["b-second"] = f"{sentence(rng)} {passage} {sentence(rng)}"
    write(folder / "a" / "0.jsonl", list(a.items())[:9])
    write(folder / "a" / "1.jsonl.gz", list(a.items())[9:])
    write(folder / "b" / "0.jsonl", list(b.items()))
    write(folder / "quiz.jsonl", [("quiz", quiz)])


def write(path, documents):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in documents)
    data = lines.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def config(folder, **changes):
    source = {"id_field": "id", "rules": ("table",)}
    settings = PrepareConfig(
        name="small",
        sources=(
            SourceConfig(name="a", path=(str(folder / "a" / "*"),), **source),
            SourceConfig(name="b", path=(str(folder / "b"),), **source),
        ),
        part_bytes=1,
        normalise=NormaliseConfig(zero_width=True, trailing=True),
        evaluation_sets=EvaluationSetsConfig(path=(str(folder / "quiz.jsonl"),)),
        lines=LinesConfig(most_documents=4, keep="first"),
        substrings=SubstringsConfig(length=120, gram=40),
        tokens=TokensConfig(make=False),
    )
    return dataclasses.replace(settings, **changes)


def run(settings, root, workers=1):
    said = []
    engine = LocalEngine(workers)
    prepared = Shop(settings, root, engine, said.append, lambda *_: None).run()
    return prepared, said


def documents(prepared):
    return {
        row["id"]: row["text"]
        for table in prepared.clean.tables(["id", "text"])
        for row in table.to_pylist()
    }


def reasons(prepared):
    names = [name for t in prepared.texts.tables(["id"]) for name in t["id"].to_pylist()]
    why = prepared.judgement.table(0, len(names))["reason"].to_pylist()
    return {name: reason for name, reason in zip(names, why, strict=True) if reason != "kept"}


@pytest.fixture
def raw(tmp_path):
    corpus(tmp_path)
    return tmp_path


def test_what_is_dropped_and_why(raw):
    prepared, _ = run(config(raw), raw / "stages")
    assert reasons(prepared) == {
        "a-empty": "empty",
        "a-digits": "table.digits",
        "a-copy": "exact copy",
        "a-edited": "near copy",
        "b-copy": "exact copy",
        "b-leak": "evaluation text",
    }
    kept = documents(prepared)
    assert "<EMAIL>" in kept["a-mail"] and "example.org" not in kept["a-mail"]
    assert [name for name, text in kept.items() if NOTICE in text] == ["b0"]
    assert len(kept["b-second"]) < len(kept["b-first"]) - 120
    assert len(kept) == len(set(kept)) == 12 + 1 + 8 + 2


@pytest.mark.parametrize("workers", [2, 3])
def test_the_corpus_is_the_same_with_any_number_of_workers(raw, workers):
    one, _ = run(config(raw), raw / "one")
    many, _ = run(config(raw), raw / "many", workers)
    for a, b in zip(one.clean.paths(), many.clean.paths(), strict=True):
        assert a.read_bytes() == b.read_bytes()
        assert a.relative_to(raw / "one") == b.relative_to(raw / "many")


def made(said):
    """Stages of which parts were made."""
    return {line.partition(":")[0] for line in said if "parts to make" in line}


def test_a_second_run_makes_nothing(raw):
    run(config(raw), raw / "stages")
    _, said = run(config(raw), raw / "stages")
    assert made(said) == set()


LATER = {"clean", "lines", "anchors", "windows", "final"}


@pytest.mark.parametrize(
    ("changes", "redone"),
    [
        (
            {
                "filters": FiltersConfig(
                    table=TableConfig(most_digits=1, most_numbers=1, most_number_lines=1)
                )
            },
            LATER,
        ),
        ({"near": NearConfig(threshold=0.99)}, LATER),
        ({"near": NearConfig(ngram=3, threshold=0.99)}, LATER | {"keys"}),
        ({"near": NearConfig(ngram=4)}, {"keys"}),  # with the same outcome
        ({"lines": None}, {"clean", "anchors", "windows", "final"}),
        ({"substrings": SubstringsConfig(length=130, gram=40)}, {"anchors", "windows", "final"}),
        ({"substrings": None}, set()),
        ({"max_bad_records": 3, "num_samples": 1}, set()),
        (
            {"normalise": NormaliseConfig(zero_width=True)},
            LATER | {"texts", "measures", "keys", "matches"},
        ),
    ],
)
def test_a_changed_setting_redoes_what_depends_on_it(raw, changes, redone):
    run(config(raw), raw / "stages")
    _, said = run(config(raw, **changes), raw / "stages")
    assert made(said) == redone


def test_a_new_file_is_a_new_part_beside_the_old_ones(raw):
    run(config(raw), raw / "stages")
    write(raw / "b" / "1.jsonl", [("b-new", sentence(random.Random(9)))])
    prepared, said = run(config(raw), raw / "stages")
    assert "texts: 1 parts to make, 3 are there" in said
    assert "b-new" in documents(prepared)


def test_thresholds_decide(raw):
    kept = {}
    for threshold in (0.5, 0.999):
        settings = config(raw, near=NearConfig(threshold=threshold))
        kept[threshold] = set(documents(run(settings, raw / "stages")[0]))
    assert kept[0.999] - kept[0.5] == {"a-edited"}


def test_unreadable_records_are_named_and_counted_against_the_budget(raw):
    path = raw / "a" / "0.jsonl"
    path.write_bytes(path.read_bytes() + b'{"id": "x"}\n{"text": \xff}\n')
    prepared, said = run(config(raw), raw / "stages")
    assert sum(f"left out {path}:1" in line for line in said) == 2
    assert len(documents(prepared)) == 23
    with pytest.raises(UserError, match="2 records cannot be read") as caught:
        run(config(raw, max_bad_records=1), raw / "stages")
    assert caught.value.exit_code == ExitCode.UNUSABLE


def test_a_truncated_file_is_one_bad_record(raw):
    path = raw / "a" / "1.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-40])
    _, said = run(config(raw), raw / "stages")
    assert [line for line in said if line.startswith(f"left out {path}")]


def test_a_source_of_another_name_or_a_shared_file_is_refused(raw):
    a = config(raw).sources[0]
    with pytest.raises(UserError, match="two have the name 'a'"):
        run(config(raw, sources=(a, a)), raw / "stages")
    with pytest.raises(UserError, match="belongs to both"):
        run(config(raw, sources=(a, dataclasses.replace(a, name="c"))), raw / "stages")


def test_a_source_without_rules_keeps_what_rules_would_drop(raw):
    a, b = config(raw).sources
    prepared, _ = run(config(raw, sources=(dataclasses.replace(a, rules=()), b)), raw / "stages")
    assert "a-digits" in documents(prepared)


def test_the_parts_hold_what_they_say(raw):
    prepared, _ = run(config(raw), raw / "stages")
    for path, record in zip(prepared.clean.paths(), prepared.clean.records(), strict=True):
        assert pq.read_metadata(path).num_rows == record["documents"]


def test_what_an_edited_file_changes_in_the_others_is_done_again(raw):
    """The notice of the site stays in all pages, or goes, with the pages of other files."""
    rng = random.Random(3)
    for number in range(3):
        path = raw / "c" / f"{number}.jsonl"
        write(path, [(f"c{number}-{n}", f"{sentence(rng)}\n{NOTICE}") for n in range(3)])
    source = SourceConfig(name="c", path=(str(raw / "c" / "*"),), id_field="id")
    settings = config(raw, sources=(source,))
    run(settings, raw / "stages")
    other = "Another end of the page, which is as long as the notice."
    texts = [(f"c2-{n}", f"{sentence(rng)}\n{other}") for n in range(3)]
    write(raw / "c" / "2.jsonl", texts)
    edited = config(raw, sources=(source,), lines=LinesConfig(most_documents=6, keep="none"))
    run(config(raw, sources=(source,), lines=edited.lines), raw / "stages")
    write(raw / "c" / "2.jsonl", [(name, f"{text}\n{NOTICE}") for name, text in texts])
    again, _ = run(edited, raw / "stages")
    fresh, _ = run(edited, raw / "fresh")
    assert documents(again) == documents(fresh)
    assert NOTICE not in "".join(documents(fresh).values())


def test_evaluation_text_is_found_in_the_form_that_the_corpus_has(raw):
    quiz = (raw / "quiz.jsonl").read_text()
    accented = quiz.replace("a", "\u00e4")
    (raw / "quiz.jsonl").write_text(accented)
    leak = json.loads(accented)["text"]
    write(raw / "b" / "1.jsonl", [("b-accented", f"{sentence(random.Random(4))} {leak}")])
    prepared, _ = run(config(raw, normalise=NormaliseConfig(accents=True)), raw / "stages")
    assert reasons(prepared)["b-accented"] == "evaluation text"


def test_nothing_left_is_told_with_the_reasons(raw):
    filters = FiltersConfig(table=TableConfig(most_digits=-1))
    with pytest.raises(UserError, match=r"no document is left: table\.digits \(28\)") as caught:
        run(config(raw, filters=filters), raw / "stages")
    assert caught.value.exit_code == ExitCode.UNUSABLE


def test_files_of_one_name_in_two_folders_are_two(raw):
    write(raw / "c" / "0.jsonl", [("x", sentence(random.Random(5)))])
    paths = (str(raw / "a" / "0.jsonl"), str(raw / "c" / "0.jsonl"))
    source = SourceConfig(name="c", path=paths)
    prepared, _ = run(config(raw, sources=(source,)), raw / "stages")
    assert {"0/0.jsonl:1", "1/0.jsonl:1"} <= documents(prepared).keys()
    with pytest.raises(UserError, match="belongs to both"):
        run(config(raw, sources=(dataclasses.replace(source, path=(*paths, paths[0])),)), raw / "x")
