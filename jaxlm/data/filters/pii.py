"""Removal of personal data that has a form: addresses of mail and machines, phone and card numbers.

Names and street addresses have no form and stay. What is known to be taken wrongly or missed:
`git@host.org` counts as an e-mail address; four numbers with dots count as an IP address unless
the first three are single digits, as in sections and most versions, or a version is announced
(`v1.20.3.4`, `version 1.20.3.4`, `==1.20.3.4`); five pairs of digits in a row read as a French
phone number, and catalogue numbers like 03549-02811 as a German one; national numbers without
separators are only known for mobiles of China and Great Britain, since ids look like the others.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jaxlm.errors import UserError
from jaxlm.spelling import nearest

# ASCII classes throughout: in Chinese text a number touches the characters around it.
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+'-]{0,63}"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)
_IPV4 = re.compile(
    r"(?<![A-Za-z0-9_.-])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![A-Za-z0-9_-]|\.[A-Za-z0-9])"
)
# Public addresses are those of 2000::/3.
_IPV6 = re.compile(
    r"(?<![A-Za-z0-9_:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{0,32}(?:[0-9A-Fa-f]|::)"
    r"(?![A-Za-z0-9_]|:[A-Za-z0-9:])"
)
_VERSION = re.compile(r"(?:\bversion|\brelease|\bver\.?|\bv\.?|[=<>~!]=)[\s:]*\Z", re.IGNORECASE)

_CARD = re.compile(
    r"(?<![A-Za-z0-9_.+-])(?:[2-6][0-9]{13,18}"
    r"|[2-6][0-9]{3}(?P<a>[ -])[0-9]{4}(?P=a)[0-9]{4}(?P=a)[0-9]{4}(?:(?P=a)[0-9]{3})?"
    r"|3[0-9]{3}(?P<b>[ -])[0-9]{6}(?P=b)[0-9]{4,5})(?![A-Za-z0-9_]|[.-][0-9])"
)
_ISSUERS = re.compile(
    r"4(?:[0-9]{15}|[0-9]{18})"  # Visa
    r"|5[1-5][0-9]{14}|(?:222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}"  # American Express; the line above is Mastercard
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12,15}"  # Discover
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"  # JCB
    r"|3(?:0[0-5]|[689][0-9])[0-9]{11}"  # Diners Club
    r"|62[0-9]{14,17}"  # UnionPay
)

# By format; a national number has the form that its country's plan gives.
_PHONE_FORMATS = {
    "international": r"(?:\+|00(?=[1-9][0-9]{0,2}[ .(/-]))[1-9][0-9]{0,2}"
    r"(?:[ .-]?\([0-9]{1,4}\))?(?:[ ./-]?[0-9]){6,12}",
    "us": r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-][0-9]{4}"
    r"|[2-9][0-9]{2}(?P<s>[.-])[2-9][0-9]{2}(?P=s)[0-9]{4})",
    "gb": r"(?:\(0[127][0-9]{1,3}\)|0[127][0-9]{1,3})(?:[ -][0-9]{3,4}){2}"
    r"|07[0-9]{3}[ -]?[0-9]{6}|(?:\(01[0-9]{3}\)|01[0-9]{3})[ -][0-9]{5,6}",
    "fr": r"0[1-9](?P<s>[ .-])[0-9]{2}(?:(?P=s)[0-9]{2}){3}",
    "de": r"(?:\(0[1-9][0-9]{1,4}\)|0[1-9][0-9]{1,4})(?: ?[/-] ?| )"
    r"[0-9]{3,8}(?:[ -][0-9]{1,5}){0,2}",
    "cn": r"1[3-9][0-9](?P<s>[ -]?)[0-9]{4}(?P=s)[0-9]{4}|0[1-9][0-9]{1,2}-[0-9]{7,8}",
}
_PHONES = {
    name: re.compile(rf"(?<![A-Za-z0-9_+])(?<![0-9][./-])(?:{pattern})(?![A-Za-z0-9_]|[./-][0-9])")
    for name, pattern in _PHONE_FORMATS.items()
}
_SIGNED_DECIMAL = re.compile(r"\+[0-9]+\.[0-9]+")

# What every find has, and most texts lack: a quick search saves the slow ones.
_AT = re.compile("@")
_COLONS = re.compile(":[0-9A-Fa-f]{0,4}:")
_DECIMAL = re.compile(r"[0-9]\.[0-9]")
_MANY_DIGITS = re.compile(r"[0-9](?:[ ().:/-]{0,3}[0-9]){7}")


@dataclass(frozen=True, kw_only=True)
class PiiConfig:
    """What is removed, and what stands in its place.

    Attributes:
      email: Whether e-mail addresses are removed.
      ip: Whether public IPv4 and IPv6 addresses are removed.
      card: Whether payment card numbers are removed.
      phone: Whether phone numbers are removed.
      phone_formats: Formats of phone numbers: `international` (with + or 00), and the national
        ones of `us` (and Canada), `gb`, `fr`, `de`, `cn`.
      email_replacement: Stands for an e-mail address.
      ip_replacement: Stands for an IP address.
      card_replacement: Stands for a card number.
      phone_replacement: Stands for a phone number.
    """

    email: bool = True
    ip: bool = True
    card: bool = True
    phone: bool = True
    phone_formats: tuple[str, ...] = tuple(_PHONES)
    email_replacement: str = "<EMAIL>"
    ip_replacement: str = "<IP>"
    card_replacement: str = "<CARD>"
    phone_replacement: str = "<PHONE>"


def redact(text: str, config: PiiConfig | None = None) -> tuple[str, dict[str, int]]:
    """Replaces personal data.

    Returns:
      The text, and how many were replaced of each kind that the settings name: `email`, `card`,
      `ip`, `phone`.

    Raises:
      UserError: The settings name a format of phone numbers that does not exist.
    """
    config = config or PiiConfig()
    counts = {kind: 0 for kind in ("email", "card", "ip", "phone") if getattr(config, kind)}
    for kind, hint, finders in _searches(config.phone_formats):
        if kind in counts and hint.search(text):
            for pattern, is_valid in finders:
                replacement = getattr(config, f"{kind}_replacement")
                text, found = _replace(text, pattern, replacement, is_valid)
                counts[kind] += found
    return text, counts


_Check = Callable[[re.Match[str]], bool]
_Finder = tuple[re.Pattern[str], _Check]


def _searches(formats: tuple[str, ...]) -> Iterator[tuple[str, re.Pattern[str], list[_Finder]]]:
    """Kind, hint, and how to find it; cards before phones, which would take a part of one."""
    yield "email", _AT, [(_EMAIL, bool)]
    yield "card", _MANY_DIGITS, [(_CARD, _is_card)]
    yield "ip", _COLONS, [(_IPV6, _is_public)]
    yield "ip", _DECIMAL, [(_IPV4, _is_address)]
    yield "phone", _MANY_DIGITS, [_phone_finder(name) for name in formats]


def _phone_finder(name: str) -> _Finder:
    if name not in _PHONES:
        raise UserError(
            f"phone_formats: there is no format {name!r}; there are {', '.join(_PHONES)} "
            f"(nearest: {', '.join(nearest(name, _PHONES))})"
        )
    return _PHONES[name], _is_phone


def _replace(
    text: str,
    pattern: re.Pattern[str],
    replacement: str,
    is_valid: _Check,
) -> tuple[str, int]:
    """Replaces the matches that are valid, and counts them."""
    count = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal count
        if not is_valid(match):
            return match[0]
        count += 1
        return replacement

    return pattern.sub(replaced, text), count


def _is_address(match: re.Match[str]) -> bool:
    """Whether four numbers are a public address and not a version or a section."""
    if all(len(part) == 1 for part in match[0].split(".")[:3]):
        return False
    before = match.string[max(0, match.start() - 12) : match.start()]
    return _VERSION.search(before) is None and _is_public(match)


def _is_public(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    return address.is_global and not address.is_multicast


def _is_card(match: re.Match[str]) -> bool:
    digits = re.sub(r"[ -]", "", match[0])
    return _ISSUERS.fullmatch(digits) is not None and _luhn(digits)


def _luhn(digits: str) -> bool:
    """The check digit. Source: ISO/IEC 7812-1, annex B."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _is_phone(match: re.Match[str]) -> bool:
    if _SIGNED_DECIMAL.fullmatch(match[0]):
        return False
    least = 8 if match[0].startswith(("+", "00")) else 10
    return least <= sum(map(str.isdigit, match[0])) <= 15
