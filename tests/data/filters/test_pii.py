import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlm.data.filters.pii import PiiConfig, redact
from jaxlm.errors import UserError


def found(text: str) -> dict[str, int]:
    return {kind: count for kind, count in redact(text)[1].items() if count}


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to ann.lee+news@mail.example.co.uk.", "Write to <EMAIL>."),
        ("<o'neil_1@x-y.org>, (a@b.de)", "<<EMAIL>>, (<EMAIL>)"),
        ("mailto:ANN@EXAMPLE.COM?subject=x", "mailto:<EMAIL>?subject=x"),
        ("邮箱zhang@sina.com.cn。", "邮箱<EMAIL>。"),
        ("from 84.23.101.7 port 22", "from <IP> port 22"),
        ("ip=84.23.101.7, http://84.23.101.7:8080/", "ip=<IP>, http://<IP>:8080/"),
        ("It was 84.23.101.7.", "It was <IP>."),
        ("resolver 2001:4860:4860::8888 answers", "resolver <IP> answers"),
        ("2001:4860:4860::8888: yes, 2a00:1450::, no", "<IP>: yes, <IP>, no"),
        ("[2a00:1450:4001:81b:0:0:0:200e]:443", "[<IP>]:443"),
        ("card 4111 1111 1111 1111 exp", "card <CARD> exp"),
        ("5555-5555-5555-4444;", "<CARD>;"),
        ("3782 822463 10005", "<CARD>"),
        ("378282246310005", "<CARD>"),
        ("6011111111111117", "<CARD>"),
        ("卡号6222021234567890128。", "卡号<CARD>。"),
    ],
)
def test_addresses_and_cards(text: str, redacted: str) -> None:
    assert redact(text)[0] == redacted


@pytest.mark.parametrize(
    "number",
    [
        "+1 212 555 0123",
        "+1 (212) 555-0123",
        "+1-212-555-0123",
        "+44 20 7946 0958",
        "+44 (0)20 7946 0958",
        "+49 30 1234567",
        "+49 (0) 171 123 45 67",
        "+49/171/1234567",
        "0049 171 1234567",
        "+33 1 23 45 67 89",
        "+33123456789",
        "+420 777 123 456",
        "+420777123456",
        "+86 138 1234 5678",
        "+86-10-12345678",
        "+39 06 1234 5678",
        "(212) 555-0123",
        "(212)555-0123",
        "212-555-0123",
        "212.555.0123",
        "1-800-555-0199",
        "020 7946 0958",
        "07700 900123",
        "07700900123",
        "01632 960123",
        "(0161) 496 0000",
        "01 23 45 67 89",
        "06.12.34.56.78",
        "030/12345678",
        "030 12345678",
        "(030) 1234 5678",
        "0171 - 1234567",
        "13812345678",
        "138 1234 5678",
        "138-1234-5678",
        "010-12345678",
        "0755-12345678",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "Tel.: {}.", "电话{}\uff0c", "({}),", "call {}\nnow"])
def test_phone_numbers(number: str, frame: str) -> None:
    text = frame.format(number)
    assert redact(text) == (
        frame.format("<PHONE>"),
        {"email": 0, "card": 0, "ip": 0, "phone": 1},
    )


@pytest.mark.parametrize(
    "text",
    [
        "@ann and a@b, user@localhost, x @ y.com, 3@4.5",
        "@decorator.method",
        # Private, reserved, impossible, and versions and sections.
        "10.0.0.1 192.168.10.20 172.16.0.1 127.0.0.1 169.254.10.1 203.0.113.77",
        "0.0.0.0 224.10.0.251 255.255.255.255",
        "300.20.30.40 and 1.2.3 and 84.23.101.7.9",
        "see section 1.2.3.4 and 8.2.4.44, which is 7.1.4.200",
        "v84.23.101.7, version 84.23.101.7, Version: 12.23.1.7, pkg==84.23.101.7, x>=11.2.33.4",
        "pkg-84.23.101.7 and 84.23.101.7-rc1 and 84.23.101.7b",
        "::1 fe80::1 2001:db8::1 fc00::12 std::vector ab::cd 12:30:45 2023:05:12 20:11",
        "2001:4860:4860::8888:zz and 2023::05::12",
        # A digit that does not check, an issuer that does not exist, other lengths.
        "4111 1111 1111 1112",
        "1111 1111 1111 1117",
        "411111111111111",
        "a4111111111111111 4111111111111111b 0.4111111111111111",
        # Dates, numbers of books, ids, amounts, tables.
        "2024-01-02 02/01/2024 01.02.2024 20240102 2024-01-02T10:11:12 12.12.2012-13.12.2012",
        "ISBN 978-3-16-148410-0, 0-306-40615-2, 0198526636, 9780306406157",
        "id 123456789012 0000123456789 550e8400-e29b-41d4-a716-446655440000 1700000000000",
        "1,234,567,890 and 12345678.90123 and 3.14159265358979 and -12345678901234",
        "ssn 123-45-6789, zip 12345-6789, 1999-2004, 555-0123",
        "100 200 300 400 500 600 700 800",
        "0.13812345678 and 138123456789 and x13812345678",
        "x+12345678901 and +35236450.6",
    ],
)
def test_what_is_no_personal_data_stays(text: str) -> None:
    assert redact(text)[0] == text


@pytest.mark.parametrize("kind", ["email", "ip", "card", "phone"])
def test_each_kind_has_a_switch_and_a_replacement(kind: str) -> None:
    text = "a@b.org 84.23.101.7 4111111111111111 (212) 555-0123"
    assert found(text) == {"email": 1, "ip": 1, "card": 1, "phone": 1}
    without, counts = redact(text, PiiConfig(**{kind: False}))
    assert kind not in counts
    assert f"<{kind.upper()}>" not in without
    replaced, _ = redact(text, PiiConfig(**{f"{kind}_replacement": "[x]"}))
    assert replaced.split("[x]") == redact(text)[0].split(f"<{kind.upper()}>")


def test_phone_formats_are_chosen() -> None:
    text = "(212) 555-0123 or 06.12.34.56.78"
    assert redact(text, PiiConfig(phone_formats=("fr",)))[0] == "(212) 555-0123 or <PHONE>"
    with pytest.raises(UserError, match=r"no format 'frr'.*nearest: fr"):
        redact(text, PiiConfig(phone_formats=("frr",)))


@given(st.text(st.sampled_from("0123456789 ().-+/:@ab中\n"), max_size=60))
def test_a_second_pass_finds_nothing(text: str) -> None:
    once, counts = redact(text)
    again, more = redact(once)
    assert sum(map(once.count, ("<EMAIL>", "<CARD>", "<IP>", "<PHONE>"))) == sum(counts.values())
    assert (again, sum(more.values())) == (once, 0)


@pytest.mark.parametrize("text", ["a" * 200_000 + "@", "a." * 100_000 + "@b", "1 " * 100_000])
def test_long_runs_take_linear_time(text: str) -> None:
    assert redact(text)[0] == text  # a quadratic search would run for minutes
