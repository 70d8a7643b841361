"""Building blocks of an offline HTML page: escaping, tables, cards, the document itself."""

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NewType

from jaxlm.report.style import SCRIPT, STYLE

# Text that is HTML already. Everything else passes through `text` on its way into a page.
Html = NewType("Html", str)

# Control characters would be dropped by the parser; their pictures show that they are there.
_CONTROLS = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {127: 0x2421}


def text(value: object) -> Html:
    """Escapes any value for element content and for quoted attributes."""
    characters = str(value).translate(_CONTROLS)
    # Lone surrogates, which JSON can carry, have no encoding.
    return Html(html.escape(characters.encode("utf-8", "replace").decode(), quote=True))


def join(parts: Iterable[Html]) -> Html:
    """Concatenates HTML."""
    return Html("".join(parts))


def document(title: str, body: Html) -> Html:
    """A whole page in one file that loads nothing.

    The content security policy allows the page's own style sheet and script, by their hashes, and
    nothing else: even if markup slipped in with a sample, it could not run or call home.
    """
    policy = (
        f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return Html(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
{body}
<script>{SCRIPT}</script>
</body>
</html>
"""
    )


def section(title: str, body: Html, note: str = "") -> Html:
    """A titled part of the page; nothing where there is nothing to show."""
    if not body:
        return Html("")
    note_html = f'<p class="note">{text(note)}</p>' if note else ""
    return Html(f"<section><h2>{text(title)}</h2>{note_html}{body}</section>\n")


def cards(values: Iterable[tuple[str, str, str]]) -> Html:
    """Key numbers.

    Args:
      values: Label, value, and a remark under the value that may be empty.
    """
    return _wrapped(
        "dl",
        "cards",
        (
            f"<div><dt>{text(label)}</dt><dd>{text(value)}</dd>"
            + (f'<dd class="remark">{text(remark)}</dd>' if remark else "")
            + "</div>"
            for label, value, remark in values
        ),
    )


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table; nothing where it has no rows."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in header)
    lines = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    if not lines:
        return Html("")
    return Html(
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def mapping(values: Mapping[str, Any], is_open: bool = False) -> Html:
    """A nested mapping as a definition table.

    Args:
      values: Settings; mappings inside become foldable groups, and a group of like mappings a
        table with a row for each.
      is_open: Unfold the groups.
    """
    if _is_tabular(values):
        keys = next(iter(values.values())).keys()
        return table(("", *keys), [(name, *map(row.get, keys)) for name, row in values.items()])
    flat = {key: value for key, value in values.items() if not _is_group(value)}
    groups = {key: value for key, value in values.items() if _is_group(value)}
    rows = "".join(
        f'<tr><th scope="row">{text(key)}</th><td>{text(_shown(value))}</td></tr>'
        for key, value in flat.items()
    )
    own = f'<div class="scroll"><table class="pairs"><tbody>{rows}</tbody></table></div>'
    folded = join(details(key, mapping(value, is_open), is_open) for key, value in groups.items())
    return Html((own if rows else "") + folded)


def details(title: str, body: Html, is_open: bool = False) -> Html:
    """A part that folds."""
    state = " open" if is_open else ""
    return Html(f"<details{state}><summary>{text(title)}</summary>{body}</details>")


def code(source: str) -> Html:
    """A command or a listing, selected whole by one click."""
    return Html(f'<pre class="code" tabindex="0">{text(source)}</pre>')


def _wrapped(tag: str, name: str, parts: Iterable[str]) -> Html:
    inner = "".join(parts)
    return Html(f'<{tag} class="{name}">{inner}</{tag}>' if inner else "")


def _cell(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"<td>{text(f'{value:,}')}</td>"
    return f"<td>{text(value)}</td>"


def _is_group(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _is_tabular(values: Mapping[str, Any]) -> bool:
    """Whether all values are mappings with the same keys and no mappings inside."""
    rows = list(values.values())
    return (
        len(rows) > 1
        and all(_is_group(row) and row.keys() == rows[0].keys() for row in rows)
        and not any(_is_group(value) for row in rows for value in row.values())
    )


def _shown(value: object) -> str:
    """A setting's value as a reader would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) if value else "empty"
    if isinstance(value, Mapping):
        return "empty" if not value else str(dict(value))
    return str(value) if value != "" else "empty"


def _hash(source: str) -> str:
    """The source expression by which a content security policy admits an inline element."""
    digest = hashlib.sha256(source.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()
