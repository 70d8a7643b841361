import json
import random
from collections import Counter

import pyarrow as pa

from jaxlm.data.analysis import duplicates
from jaxlm.data.analysis.batch import by_source
from jaxlm.data.analysis.duplicates import Duplicates


def counted(rows):
    total = Duplicates()
    ids, texts, sources = zip(*rows, strict=True)
    for batch in by_source(pa.table({"id": ids, "text": texts, "source": sources})):
        total.add(batch)
    return total


def random_rows(seed, count=300):
    rng = random.Random(seed)
    return [
        (f"{rng.choice('pq')}.jsonl:{n}", f"text {rng.randrange(120)}", rng.choice("abc"))
        for n in range(count)
    ]


def test_counts_agree_with_brute_force():
    rows = random_rows(0)
    result = counted(rows).result()
    for source in "abc":
        texts = [text for _, text, name in rows if name == source]
        expected = {"documents": len(texts), "copies": len(texts) - len(set(texts))}
        expected["share"] = expected["copies"] / expected["documents"]
        assert result["sources"][source] == expected
    everything = [text for _, text, _ in rows]
    assert result["total"]["copies"] == len(everything) - len(set(everything))
    assert result["sampled"] == 1.0
    for pair in result["shared_sources"]:
        own, other = (
            Counter(text for _, text, name in rows if name == source)
            for source in (pair["owner"], pair["other"])
        )
        assert pair["documents"] == sum(n for text, n in own.items() if text in other)
        assert pair["share"] == pair["documents"] / own.total()


def test_a_copied_file_is_named():
    rows = [(f"one.jsonl:{n}", f"t{n}", "a") for n in range(10)]
    rows += [(f"two.jsonl:{n}", f"t{n}", "a") for n in range(10)]
    result = counted(rows).result()
    assert result["shared_sources"] == []
    assert result["shared_files"][0] == {
        "owner": "a: one.jsonl",
        "other": "a: two.jsonl",
        "documents": 10,
        "share": 1.0,
    }


def test_surrounding_space_is_ignored_and_empty_documents_are_no_copies():
    result = counted(
        [("1", "x", "a"), ("2", " x\n", "a"), ("3", "", "a"), ("4", " ", "a")]
    ).result()
    assert result["sources"]["a"] == {"documents": 2, "copies": 1, "share": 0.5}


def test_the_result_does_not_depend_on_order_or_split(monkeypatch):
    rows = random_rows(1)
    whole = json.dumps(counted(rows).result())
    for seed in range(4):
        shuffled = random.Random(seed).sample(rows, len(rows))
        merged = counted(shuffled[:100])
        merged.merge(counted(shuffled[100:]))
        assert json.dumps(merged.result()) == whole


def test_beyond_its_capacity_it_samples_texts_the_same_way_for_any_split(monkeypatch):
    rows = [(f"f:{n}", f"text {n % 1500}", "a") for n in range(3000)]
    monkeypatch.setattr(duplicates, "CAPACITY", 200)
    whole = counted(rows).result()
    assert whole["sampled"] <= 1 / 4
    # Every text occurs twice, so that any sample of texts gives one half.
    assert whole["sources"]["a"]["share"] == 0.5
    merged = counted(rows[:1000])
    merged.merge(counted(rows[1000:]))
    assert merged.result() == whole
