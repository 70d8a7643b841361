import pytest

from jaxlm.data.analysis import signs
from jaxlm.data.analysis.characters import count_classes
from jaxlm.data.analysis.signs import SIGNS, View, excerpt


def found(kind, text):
    return SIGNS[kind].find(View(text, len(text.split()), count_classes([text])[0].tolist()))


def misread(text, encoding="cp1252"):
    return text.encode().decode(encoding)


PROSE = "The old house stood by the river, and nobody had lived there since the long winter."


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("mojibake", f"We met at the {misread('café')}."),
        ("mojibake", misread("It’s")),
        ("mojibake", misread("привет", "latin-1")),
        ("mojibake", misread("中文", "latin-1")),
        ("mojibake", misread("naïve", "latin-1")),
        ("replacement", "caf\ufffd"),
        ("control", "a\x00b"),
        ("private", "a\ue001b"),
        ("markup", "<p>One</p><br/>"),
        ("markup", "a&nbsp;b&amp;c&#39;d"),
        ("contacts", "a@b.org\nc.d@e-f.co.uk\nx@y.com"),
        ("contacts", "Anna +49 30 1234567\nBen (030) 123 4567\nCarl 555-123-4567"),
        ("contacts", "0171/2345678 and 030 1234567 and 0800 111222"),
        ("numbers", " ".join(map(str, range(1000, 1020)))),
        ("long_line", "x " * 5_000),
        ("repeated_lines", "menu\n" * 5 + "text"),
        ("short", "Read more"),
        ("empty", " \n\t"),
        ("empty", ""),
    ],
)
def test_signs_are_found(kind, text):
    assert found(kind, text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("mojibake", "« C’est l’été\xa0», dit-elle; voilà\xa0! Cela coûte 10\xa0°C…"),
        ("mojibake", "São Paulo: NÃO, “AMANHÃ”, ação, Ångström, Đà Nẵng, naïve…”"),
        ("mojibake", "Der Spaß“ – Größe, «Größe», Fuß’"),
        ("mojibake", "привет, 中文, こんにちは, ñandú, Ñuñoa"),
        ("markup", "if a < b && c > d: List<int>, Map<K, V>, <T>"),
        ("contacts", f"{PROSE} Write to us@example.org."),
        ("contacts", "12 345 678 90 12345678 3.14159265 2021-03-04 10:15:20"),
        ("contacts", "@staticmethod @property user@host"),
        ("numbers", f"{PROSE} In 1984 and 2001, 12 of 345 people."),
        ("numbers", "Anna +49 30 1234567\n" * 6),
        ("numbers", "12345"),
        ("long_line", f"{PROSE}\n" * 500),
        ("repeated_lines", "one\ntwo\n\n\n\nthree"),
        ("short", PROSE),
        ("empty", "a"),
    ],
)
def test_ordinary_text_bears_no_sign(kind, text):
    assert found(kind, text) is None


def test_clean_prose_bears_none_at_all():
    assert [kind for kind in SIGNS if found(kind, PROSE)] == []


def test_every_sign_has_a_threshold_for_findings():
    from jaxlm.data.analysis.findings import SIGN_SHARES

    assert SIGN_SHARES.keys() == SIGNS.keys()


def test_the_place_and_the_amount_are_told():
    assert found("mojibake", "0123456789 " + misread("éé")) == (2, 11)
    assert found("repeated_lines", "a\na\na\nb") == (0.5, 0)


def test_excerpts_surround_the_place():
    text = "a" * 500 + "X" + "b" * 500
    shown = excerpt(text, 500, 100)
    assert "X" in shown
    assert shown.startswith("…") and shown.endswith("…")
    assert excerpt("short") == "short"
    assert len(shown) == 102


@pytest.mark.parametrize(
    ("name", "kind", "text", "looser"),
    [
        ("SHORT", "short", "x" * 60, 70),
        ("LEAST_TAGS", "markup", "<p>a</p>", 2),
        ("LEAST_CONTACTS", "contacts", "a@b.org c@d.org", 2),
        ("LONG_LINE", "long_line", "x" * 5_000, 4_000),
        ("DIGIT_SHARE", "numbers", "ab " * 40 + "1" * 60, 0.4),
        ("REPEATED_LINE_SHARE", "repeated_lines", "a\na\nb\nc", 0.2),
    ],
)
def test_moving_a_threshold_changes_the_decision(monkeypatch, name, kind, text, looser):
    assert found(kind, text) is None
    monkeypatch.setattr(signs, name, looser)
    assert found(kind, text)
