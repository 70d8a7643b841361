"""What looks wrong in a corpus: each finding has a stated threshold, numbers and a sample."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Result = Mapping[str, Any]
"""`Analysis.result()`."""

LANGUAGE_SHARE = 0.5
OTHER_LANGUAGE_SHARE = 0.1
LEAST_DOCUMENTS = 5
LINE_SHARE = 0.02
COPY_SHARE = 0.05
FILE_COPY_SHARE = 0.5
NEAR_SHARE = 0.02
UNKNOWN_SHARE = 0.001
SERIOUS_SHARE = 0.1

SIGN_SHARES = {
    "mojibake": 0.01,
    "replacement": 0.01,
    "control": 0.01,
    "private": 0.01,
    "markup": 0.02,
    "contacts": 0.01,
    "numbers": 0.005,
    "long_line": 0.05,
    "repeated_lines": 0.05,
    "short": 0.05,
    "empty": 0.005,
}
"""Share of a source's documents from which a sign is a finding."""

Severity = Literal["high", "medium", "low"]
_ORDER: dict[Severity, int] = {"high": 0, "medium": 1, "low": 2}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that looks wrong.

    Attributes:
      kind: What sort of thing; with `source` it names the finding.
      severity: How much of the source it touches: high from a tenth on.
      source: The source that it is about; empty for the corpus.
      title: A sentence with the numbers.
      threshold: From when on it is reported.
      evidence: Label and value of the numbers behind it.
      samples: Excerpts `{"id", "text"}`.
    """

    kind: str
    severity: Severity
    source: str
    title: str
    threshold: str
    evidence: Mapping[str, str | int | float] = field(default_factory=dict)
    samples: Sequence[Mapping[str, Any]] = ()


def find(result: Result) -> list[Finding]:
    """Everything that looks wrong in an analysis, the most serious first."""
    rules: tuple[Callable[[Result], Iterator[Finding]], ...] = (
        wrong_language,
        other_script,
        shared_documents,
        copies,
        edited_copies,
        boilerplate,
        suspicious,
        unknown_tokens,
    )
    return ordered(finding for rule in rules for finding in rule(result))


def ordered(findings: Iterator[Finding] | Sequence[Finding]) -> list[Finding]:
    """The most serious findings first."""
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])


def severity_of(share: float) -> Severity:
    """High where a tenth is touched, medium from a hundredth on."""
    return "high" if share >= SERIOUS_SHARE else "medium" if share >= 0.01 else "low"


def counted(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def wrong_language(result: Result) -> Iterator[Finding]:
    """Sources mostly in another language than the corpus, or partly in another than their own."""
    main = main_language(result)
    for source, statistics in result["sources"].items():
        counts, total = statistics["languages"]["counts"], statistics["languages"]["documents"]
        own = _first(counts)
        if total < LEAST_DOCUMENTS:
            continue
        if own not in (main, "und") and counts[own] >= LANGUAGE_SHARE * total:
            yield _language_finding(result, source, own, f"the corpus is mostly {main}")
        for language in list(counts)[1:]:
            is_common = counts[language] >= max(LEAST_DOCUMENTS, OTHER_LANGUAGE_SHARE * total)
            if is_common and language not in (own, "und"):
                yield _language_finding(result, source, language, f"the source is mostly {own}")


def main_language(result: Result) -> str:
    """The language of most bytes, by each source's share of documents; empty where unknown."""
    sizes: defaultdict[str, float] = defaultdict(float)
    for statistics in result["sources"].values():
        languages = statistics["languages"]
        for name, count in languages["counts"].items():
            sizes[name] += statistics["totals"]["bytes"] * count / languages["documents"]
    return _largest(sizes)


def other_script(result: Result) -> Iterator[Finding]:
    """Sources in another script than the corpus, where languages were not identified."""
    main = _largest(result["total"]["characters"]["scripts"])
    for source, statistics in result["sources"].items():
        scripts = statistics["characters"]["scripts"]
        own, total = _largest(scripts), sum(scripts.values())
        if statistics["languages"]["counts"] or own == main or not total:
            continue
        share = scripts[own] / total
        yield Finding(
            kind="script",
            severity="high",
            source=source,
            title=f"{source}: {share:.0%} of the letters are {own}, while the corpus is "
            f"mostly {main}",
            threshold="the most frequent script is not that of the corpus",
            evidence={f"{name} letters": count for name, count in scripts.items()},
            samples=statistics["samples"]["random"][:1],
        )


def shared_documents(result: Result) -> Iterator[Finding]:
    """Sources and files whose documents are exact copies of another's."""
    duplicates = result["duplicates"]
    seen: set[frozenset[str]] = set()
    for key, least in (("shared_sources", COPY_SHARE), ("shared_files", FILE_COPY_SHARE)):
        for pair in duplicates[key]:
            owner, other = pair["owner"], pair["other"]
            both = frozenset((owner, other))
            if pair["share"] < least or pair["documents"] < LEAST_DOCUMENTS or both in seen:
                continue
            seen.add(both)
            source = owner if key == "shared_sources" else owner.split(": ")[0]
            yield Finding(
                kind=f"{key}: {other}",
                severity=severity_of(pair["share"]),
                source=source,
                title=f"{pair['share']:.0%} of {owner} are exact copies of documents in {other}",
                threshold=f"{least:.0%} of the documents, at least {LEAST_DOCUMENTS}",
                evidence={"copied documents": pair["documents"], "share": pair["share"]},
            )


def copies(result: Result) -> Iterator[Finding]:
    """Sources that hold exact copies of their own documents."""
    for source, counts in result["duplicates"]["sources"].items():
        if counts["share"] >= COPY_SHARE and counts["copies"] >= LEAST_DOCUMENTS:
            yield Finding(
                kind="copies",
                severity=severity_of(counts["share"]),
                source=source,
                title=f"{source}: {counts['share']:.0%} of the documents are exact copies of "
                "others in it",
                threshold=f"{COPY_SHARE:.0%} of the documents, at least {LEAST_DOCUMENTS}",
                evidence={"documents": counts["documents"], "copies": counts["copies"]},
            )


def edited_copies(result: Result) -> Iterator[Finding]:
    """Sources with documents that are edited copies of others."""
    near = result["near"]
    for source, count in near["edited"].items():
        sampled = result["sources"][source]["samples"]["sampled"]
        if count >= max(2, NEAR_SHARE * sampled):
            pairs = [pair for pair in near["pairs"] if source in _sources_of(pair)][:2]
            yield Finding(
                kind="near",
                severity=severity_of(count / sampled),
                source=source,
                title=f"{source}: {count:,} of {sampled:,} sampled documents are edited copies of "
                "others (most of their runs of five words are the same)",
                threshold=f"{NEAR_SHARE:.0%} of the sampled documents, at least 2",
                evidence={
                    f"{p['first']['id']} and {p['second']['id']}": p["resemblance"] for p in pairs
                },
                samples=[document for p in pairs[:1] for document in (p["first"], p["second"])],
            )


def boilerplate(result: Result) -> Iterator[Finding]:
    """Sources in which the same line occurs in many documents."""
    for source, statistics in result["sources"].items():
        lines = [
            line
            for line in statistics["lines"]["lines"]
            if line["share"] >= LINE_SHARE and line["documents"] >= LEAST_DOCUMENTS
        ]
        if lines:
            most, sampled = lines[0], statistics["lines"]["documents"]
            yield Finding(
                kind="boilerplate",
                severity=severity_of(most["share"]),
                source=source,
                title=f"{source}: one line occurs in {most['documents']:,} of {sampled:,} sampled "
                "documents",
                threshold=f"{LINE_SHARE:.0%} of the sampled documents, at least {LEAST_DOCUMENTS}",
                evidence={line["text"]: line["documents"] for line in lines[:8]},
            )


def suspicious(result: Result) -> Iterator[Finding]:
    """Sources with many documents that bear a sign of damage."""
    for source, statistics in result["sources"].items():
        for kind, sign in statistics["signs"].items():
            if sign["documents"] and sign["share"] >= SIGN_SHARES[kind]:
                yield Finding(
                    kind=kind,
                    severity=severity_of(sign["share"]),
                    source=source,
                    title=f"{source}: {sign['share']:.1%} of the documents {sign['title']}",
                    threshold=f"{SIGN_SHARES[kind]:.1%} of the documents",
                    evidence={
                        "documents with it": sign["documents"],
                        "documents of the source": statistics["documents"],
                    },
                    samples=sign["examples"][:2],
                )


def unknown_tokens(result: Result) -> Iterator[Finding]:
    """Sources that the tokenizer cannot spell."""
    for source, statistics in result["sources"].items():
        share = statistics["tokens"].get("unknown_share", 0.0)
        if share >= UNKNOWN_SHARE:
            yield Finding(
                kind="unknown",
                severity=severity_of(share),
                source=source,
                title=f"{source}: {share:.2%} of the tokens are unknown to the tokenizer",
                threshold=f"{UNKNOWN_SHARE:.1%} of the tokens",
                evidence={"unknown share": share},
            )


def _language_finding(result: Result, source: str, language: str, contrast: str) -> Finding:
    statistics = result["sources"][source]
    counts, total = statistics["languages"]["counts"], statistics["languages"]["documents"]
    share = counts[language] / total
    basis = "documents" if statistics["languages"]["basis"] == "column" else "sampled documents"
    examples = statistics["samples"]["by_language"].get(language, [])
    return Finding(
        kind=f"language {language}",
        severity=severity_of(share),
        source=source,
        title=f"{source}: {share:.0%} of the {basis} are in language {language}, while {contrast}",
        threshold=f"{LANGUAGE_SHARE:.0%} in another language than the corpus, or "
        f"{OTHER_LANGUAGE_SHARE:.0%} in another than the source",
        evidence={f"{basis} in {name}": count for name, count in list(counts.items())[:6]},
        samples=examples[:1],
    )


def _sources_of(pair: Mapping[str, Any]) -> tuple[str, str]:
    return pair["first"]["source"], pair["second"]["source"]


def _first(counts: Mapping[str, int]) -> str:
    return next(iter(counts), "")


def _largest(counts: Mapping[str, float]) -> str:
    return max(counts, key=lambda name: counts[name], default="")
