import re
import shutil
import subprocess

import pytest

from jaxlm.report.run import write_report
from tests.report.run_directory import write_run

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH"),
]

# A page around the report that acts as its reader does, and writes down what it finds.
HARNESS = """<!doctype html>
<iframe src="run/report.html" width="WIDTH" height="900"></iframe>
<script>
document.querySelector("iframe").onload = ({ target }) => {
  const page = target.contentDocument, view = target.contentWindow, found = [];
  const plot = page.querySelector("svg.plot"), box = plot.getBoundingClientRect();
  plot.dispatchEvent(new view.PointerEvent("pointermove", { clientX: box.left }));
  found.push("first: " + page.querySelector("output").textContent);
  plot.dispatchEvent(new view.KeyboardEvent("keydown", { key: "ArrowRight" }));
  found.push("next: " + page.querySelector("output").textContent);
  plot.dispatchEvent(new view.PointerEvent("pointerleave"));
  found.push("left: " + page.querySelector("output").textContent);
  found.push("title: " + page.title);
  found.push("overflow: " + (page.documentElement.scrollWidth - page.documentElement.clientWidth));
  found.push("plots: " + [...page.querySelectorAll("svg.plot")]
    .filter((plot) => plot.getBoundingClientRect().width > 200).length);
  found.push("colours: " + view.getComputedStyle(page.body).backgroundColor
    + " " + view.getComputedStyle(page.querySelector(".curve.main")).stroke);
  document.body.append("FOUND[" + found.join("|") + "]");
};
</script>"""


def visit(page, *flags):
    """What Chromium makes of a page: its document, and what it logged."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += ["--allow-file-access-from-files", "--virtual-time-budget=3000", *flags]
    result = subprocess.run(
        [*command, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    return result.stdout, console


def found_by_reader(directory, width, *flags):
    write_report(write_run(directory / "run"))
    harness = directory / "harness.html"
    harness.write_text(HARNESS.replace("WIDTH", str(width)))
    document, console = visit(harness, *flags)
    assert console == []
    found = re.search(r'FOUND\[([^"\]]+)\]', document)
    assert found, document
    return dict(item.split(": ", 1) for item in found[1].split("|"))


def test_the_report_opens_without_a_complaint_and_runs_no_sample(tmp_path):
    document, console = visit(write_report(write_run(tmp_path)))
    assert console == []
    assert "<title>tiny: training report</title>" in document
    assert document.count("<script>") == 1


def test_pointer_and_keys_read_values_off_the_curves(tmp_path):
    found = found_by_reader(tmp_path, 1200)
    assert found["first"] == "step 1 · training 7.273 · training, smoothed 7.273 · validation 8.1"
    assert found["next"].startswith("step 2 · training 6.667")
    assert found["left"] == ""
    assert found["title"] == "tiny: training report"
    assert found["plots"] == "7"


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_no_width_makes_the_page_scroll_sideways(tmp_path, width):
    assert found_by_reader(tmp_path, width)["overflow"] == "0"


def test_light_and_dark_are_both_drawn(tmp_path):
    light = found_by_reader(tmp_path, 1200, "--blink-settings=preferredColorScheme=1")["colours"]
    dark = found_by_reader(tmp_path, 1200, "--blink-settings=preferredColorScheme=0")["colours"]
    assert light == "rgb(251, 250, 247) rgb(31, 95, 168)"
    assert dark == "rgb(22, 23, 25) rgb(127, 178, 239)"
