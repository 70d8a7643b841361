import json
import re
import xml.etree.ElementTree as ElementTree

import pyarrow as pa
import pytest

from jaxlm.data.analysis import languages
from jaxlm.data.analysis.analysis import Analysis
from jaxlm.data.analysis.histogram import Histogram
from jaxlm.data.analysis.shop_report import (
    BadRecord,
    Cluster,
    Leak,
    RuleReport,
    ShopReport,
    StepCount,
    TextSample,
)
from jaxlm.errors import ExitCode, UserError
from jaxlm.report import data, data_charts
from jaxlm.report.data_charts import Dot
from tests.data.analysis import planted
from tests.report.test_browser import CHROMIUM, visit

HOSTILE = "<script>alert(1)</script><img src='https://example.org/x.png'>"


@pytest.fixture(scope="module")
def result():
    table = planted.table()
    keep = [
        source in ("clean", "forum", "mirror", "stubs") for source in table["source"].to_pylist()
    ]
    hostile = pa.table({"id": ["h:1"], "text": [f"{HOSTILE} & {HOSTILE}"], "source": ["hostile"]})
    analysis = Analysis()
    analysis.add(table.filter(pa.array(keep)))
    analysis.add(hostile)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(languages, "find_spec", lambda name: None)
        return analysis.result()


@pytest.fixture(scope="module")
def report(result):
    histogram = Histogram()
    histogram.add([3.0, 60.0, 2000.0])
    sample = TextSample(id="stubs:1", source="stubs", text=HOSTILE, value=3.0)
    return ShopReport(
        title="corpus",
        steps=[
            StepCount(step="read", source="stubs", documents=1000, num_bytes=5_000_000),
            StepCount(step="rules", source="stubs", documents=400, num_bytes=4_000_000),
        ],
        rules=[
            RuleReport(
                name="gopher.num_words",
                least=50.0,
                most=None,
                documents=1000,
                dropped_first={"stubs": 600},
                dropped_alone={"stubs": 17},
                histogram=histogram.result(),
                samples=[sample],
            )
        ],
        clusters=[Cluster(kind="exact", size=41, kept="a:1", samples=[sample])],
        leaks=[
            Leak(evaluation_id="gsm:7", document_id="w:9", source="stubs", text="Natalia", share=1)
        ],
        num_leaks={"stubs": 1},
        bad=[BadRecord(path="in.jsonl", line=12, reason="not JSON")],
        num_bad=5,
        pii={"stubs": {"email": 7}},
        normalisation={"stubs": {"nfc": 29}},
        before=result,
        after=result,
        settings={"filters": {"least_words": 50}},
        versions={"unicode": "15.0.0"},
    ).to_json()


def words(source):
    """What a reader sees, white space collapsed."""
    body = source[source.index("<body>") : source.rindex("<script>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_the_page_of_an_analysis_says_what_looks_wrong(result):
    shown = words(data.draw_analysis(result, "corpus"))
    assert "41% of mirror are exact copies of documents in clean" in shown
    assert "one line occurs in 30 of 50 sampled documents" in shown
    for title in ("Sources", "Lengths", "Copies", "Characters", "Tokens", "Compression", "Map"):
        assert f" {title} " in shown


def test_the_page_of_a_shop_holds_every_part(report):
    shown = words(data.draw_shop(report))
    for expected in (
        "evaluation text leaked into 1 document (0.1%)",
        "rules 400 600 4 MB 80.0%",
        "gopher.num_words at least 50 600 17 60.0%",
        "41 exact copies, kept a:1",
        "gsm:7 w:9 stubs 100% drop Natalia",
        "in.jsonl:12 not JSON",
        "and 4 more",
        "stubs 29",
        "least_words 50",
        "unicode 15.0.0",
        "still there after cleaning",
    ):
        assert expected in shown, expected


@pytest.mark.parametrize("draw", [data.draw_shop, lambda r: data.draw_analysis(r["before"], "c")])
def test_no_sample_becomes_markup_and_nothing_points_outside(report, draw):
    source = draw(report)
    assert source.count("<script>") == 1
    assert "<img" not in source
    tags = "".join(
        re.findall(r"<[^>]*>", source[source.index("<body>") : source.rindex("<script>")])
    )
    attributes = set(re.findall(r" ([\w-]+)=", re.sub(r'"[^"]*"', '""', tags)))
    assert not attributes & {"src", "href", "action", "style", "srcdoc"}


def test_a_report_of_nothing_but_counts_is_drawn():
    steps = [StepCount(step="read", source="a", documents=1, num_bytes=10)]
    shown = words(data.draw_shop(ShopReport(title="t", steps=steps).to_json()))
    assert "Nothing crossed a threshold." in shown
    assert "Rules" not in shown


def test_an_empty_analysis_is_drawn():
    assert "0 documents" in words(data.draw_analysis(Analysis().result(), "empty"))


def test_two_analyses_are_compared(result):
    smaller = Analysis()
    smaller.add(planted.table()[:60])
    shown = words(data.draw_analysis(smaller.result(), "c", before=result))
    assert "documents 250 60 -76.0%" in shown


def test_a_report_read_back_from_json_gives_the_same_page(report):
    again = json.loads(json.dumps(report))
    cut = re.compile(r"Drawn by jaxlm, [^.]*\.")
    assert cut.sub("", data.draw_shop(again)) == cut.sub("", data.draw_shop(report))


@pytest.mark.parametrize("part", ["shop", "analysis"])
def test_the_command_draws_either(part, report, tmp_path, monkeypatch, capsys):
    source, page = tmp_path / "in.json", tmp_path / "out.html"
    source.write_text(json.dumps(report if part == "shop" else report["before"]))
    monkeypatch.setattr("sys.argv", ["data", str(source), str(page)])
    assert data.main() == ExitCode.DONE
    assert capsys.readouterr().out == f"{page}\n"
    assert page.read_text().startswith("<!doctype html>")
    assert {file.name for file in tmp_path.iterdir()} == {"in.json", "out.html"}


@pytest.mark.parametrize(("content", "code"), [("[]", 77), ("{}", 77), ("no", 77)])
def test_the_command_refuses_another_file(content, code, tmp_path, monkeypatch):
    source = tmp_path / "in.json"
    source.write_text(content)
    monkeypatch.setattr("sys.argv", ["data", str(source), str(tmp_path / "out.html")])
    with pytest.raises(UserError, match=r"in\.json") as caught:
        data.main()
    assert caught.value.exit_code == code


def test_a_page_that_cannot_be_written_is_named(report, tmp_path):
    with pytest.raises(UserError, match="cannot write the page") as caught:
        data.write_shop_page(report, tmp_path / "absent" / "page.html")
    assert caught.value.exit_code == ExitCode.STORAGE


BARS = [[0.0, 0.0, 5], [1.0, 10.0, 4], [10.0, 100.0, 1]]


@pytest.mark.parametrize(
    ("value", "is_log", "expected"),
    [
        (0.0, True, 100 / 6),
        (1.0, True, 100 / 3),
        (10**0.5, True, 50.0),
        (100.0, True, 100.0),
        (1000.0, True, 100.0),
        (-1.0, True, 0.0),
        (5.5, False, 50.0),
    ],
)
def test_values_have_their_place_among_the_bars(value, is_log, expected):
    assert data_charts.place(BARS, value, is_log) == pytest.approx(expected)


def test_columns_are_as_high_as_their_counts_and_bounds_are_drawn():
    histogram = Histogram()
    histogram.add([1.0] * 8 + [2.0] * 4)
    source = data_charts.histogram("t", histogram.result(), bounds=(1.5, None))
    root = ElementTree.fromstring(source)
    rects = [e for e in root.iter("rect") if e.get("class") == "part0"]
    assert [float(rect.get("height").rstrip("%")) for rect in rects] == [100.0, 50.0]
    (line,) = root.iter("line")
    assert float(line.get("x1").rstrip("%")) == pytest.approx(50, abs=0.1)


def test_a_power_law_is_a_straight_line_on_the_chart():
    ranks = [[10**n, 10 ** (6 - n)] for n in range(4)]
    source = data_charts.rank_frequency("t", ranks, {"exponent": 1.0, "line": [ranks[0], ranks[3]]})
    root = ElementTree.fromstring(source)
    points = [
        (float(c.get("cx").rstrip("%")), float(c.get("cy").rstrip("%")))
        for c in root.iter("circle")
    ]
    assert points == [(0, 0), (33.33, 16.67), (66.67, 33.33), (100, 50)]
    (line,) = root.iter("line")
    assert [line.get(key) for key in ("x1", "y1", "x2", "y2")] == [
        "0.00%",
        "0.00%",
        "100.00%",
        "50.00%",
    ]


def test_dots_carry_their_text_and_only_outliers_a_name():
    dots = [
        Dot(x=0, y=0, colour=0, title=HOSTILE),
        Dot(x=1, y=2, colour=9, title="b", label="far"),
    ]
    root = ElementTree.fromstring(data_charts.scatter("t", dots, ["a", "b"]))
    circles = list(root.iter("circle"))
    assert [c.find("title").text for c in circles] == [HOSTILE, "b"]
    assert [c.get("class") for c in circles] == ["part0", "part1"]
    assert (circles[0].get("cx"), circles[0].get("cy")) == ("2.00%", "98.00%")
    assert "far" in [e.text for e in root.iter("text")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.25, "0.25"), (999, "999"), (1234, "1.23k"), (5e6, "5M"), (2e-5, "2e-05")],
)
def test_labels_are_short(value, shown):
    assert data_charts.compact(value) == shown


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
def test_a_browser_opens_both_pages_without_a_complaint(report, tmp_path):
    for path in (
        data.write_shop_page(report, tmp_path / "shop.html"),
        data.write_analysis_page(report["before"], tmp_path / "analysis.html"),
    ):
        document, console = visit(path)
        assert console == []
        assert "What looks wrong" in document


HARNESS = """<!doctype html>
<iframe src="page.html" width="WIDTH" height="900"></iframe>
<script>
document.querySelector("iframe").onload = ({ target }) => {
  const page = target.contentDocument.documentElement;
  document.body.append(`OVERFLOW[${page.scrollWidth - page.clientWidth}]`);
};
</script>"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
@pytest.mark.parametrize("width", [360, 800, 1600])
def test_no_width_makes_the_page_scroll_sideways(report, tmp_path, width):
    data.write_shop_page(report, tmp_path / "page.html")
    harness = tmp_path / "harness.html"
    harness.write_text(HARNESS.replace("WIDTH", str(width)))
    document, _ = visit(harness)
    assert re.search(r"OVERFLOW\[(-?\d+)\]", document)[1] == "0"
