import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.report import page
from jaxlm.report.page import Html


class Reader(HTMLParser):
    """Collects the elements and the text of a page."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words = [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.words.append(data)


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_text_reads_back_as_itself_and_as_nothing_else(value):
    reader = Reader(f'<p title="{page.text(value)}">{page.text(value)}</p>')
    assert reader.tags == ["p"]
    assert dict(reader.attributes)["title"] == value
    assert "".join(reader.words) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a\x00b", "a\u2400b"), ("\x1b[31m", "\u241b[31m"), ("\ud800", "?"), ("a\n\tb", "a\n\tb")],
)
def test_characters_that_a_page_cannot_hold_are_shown(value, shown):
    assert page.text(value) == shown
    page.text(value).encode()


def test_the_policy_admits_exactly_the_style_and_the_script_of_the_page():
    source = page.document("t", Html("<p>x</p>"))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', source)[1]
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_nothing_in_a_page_points_outside():
    source = page.document("t", Html(""))
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<link|src=", source)


def test_a_nested_mapping_becomes_rows_and_groups():
    source = page.mapping({"seed": 0, "model": {"d_model": 8, "rope_scaling": None}, "prompts": []})
    reader = Reader(source)
    assert reader.tags.count("details") == 1
    assert "".join(reader.words) == "seed0promptsemptymodeld_model8rope_scalingnone"


def test_like_mappings_become_a_table():
    source = page.mapping({"code": {"n": 1, "w": 0.7}, "prose": {"w": 0.3, "n": 2000}})
    cells = re.findall(r"<t[dh](?: [^>]*)?>([^<]*)<", source)
    assert cells == ["", "n", "w", "code", "1", "0.7", "prose", "2,000", "0.3"]


def test_empty_parts_leave_no_heading():
    assert page.section("Samples", Html("")) == ""
    assert page.table(("a",), []) == ""
    assert page.mapping({}) == ""
    assert page.cards([]) == ""
