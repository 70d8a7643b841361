from pathlib import Path

import pytest

from jaxlm.data.config import DataConfig
from jaxlm.data.readers import Document
from jaxlm.data.sources import find_sources, fixed_weights
from jaxlm.errors import ExitCode, UserError


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a/one.txt", "a/two.txt", "a/deep/three.txt", "b/lines.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"text": "x"}\n' if name.endswith("jsonl") else name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ids(path: str) -> list[str]:
    (source,) = find_sources(DataConfig(path=(path,)))
    return [record.id for record in source.read() if isinstance(record, Document)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/*.txt", ["one.txt", "two.txt"]),
        ("a/**/*.txt", ["deep/three.txt", "one.txt", "two.txt"]),
        ("a", ["deep/three.txt", "one.txt", "two.txt"]),
        ("a/one.txt", ["one.txt"]),
        ("b/*.jsonl", ["lines.jsonl:1"]),
        ("books=a/*.txt", ["one.txt", "two.txt"]),
        ("*/one.txt", ["a/one.txt"]),
    ],
)
def test_entries_find_their_files_in_order(corpus: Path, path: str, expected: list[str]) -> None:
    assert ids(path) == expected
    assert ids(path.replace("=", f"={corpus}/") if "=" in path else f"{corpus}/{path}") == expected


def test_names_come_from_the_entry_or_the_files(corpus: Path) -> None:
    paths = ("stdlib", "a/*.txt", "b/lines.jsonl", "books=a/deep")
    sources = find_sources(DataConfig(path=paths))
    assert [source.name for source in sources] == ["code", "prose", "a", "lines", "books"]


def test_an_unnamed_source_takes_a_free_name(corpus: Path) -> None:
    sources = find_sources(
        DataConfig(path=("a/one.txt", "a/deep/three.txt", "b", "b=a/two.txt")[:3])
    )
    assert [source.name for source in sources] == ["one", "three", "lines"]
    (corpus / "c").mkdir()
    (corpus / "c" / "one.txt").write_text("c")
    sources = find_sources(DataConfig(path=("a/one.txt", "c/one.txt")))
    assert [source.name for source in sources] == ["one", "one-2"]


def test_a_path_with_an_equals_sign_is_a_path(corpus: Path) -> None:
    (corpus / "year=2020").mkdir()
    (corpus / "year=2020" / "x.txt").write_text("x")
    assert ids("year=2020") == ["x.txt"]


def test_the_listing_follows_the_files(corpus: Path) -> None:
    config = DataConfig(path=("a",))
    before = find_sources(config)[0].listing
    assert find_sources(config)[0].listing == before
    (corpus / "a/one.txt").write_text("longer than before")
    assert find_sources(config)[0].listing != before


@pytest.mark.parametrize(
    ("paths", "message", "code"),
    [
        (("none/*.txt",), r"data\.path=none/\*\.txt: no files found below .*none", 77),
        (("empty",), r"data\.path=empty: no files found below .*empty", 77),
        (("a/one.txt", "a/*.txt"), r"one\.txt belongs to both 'a/one\.txt' and 'a/\*\.txt'", 64),
        (("x=a/one.txt", "x=b"), r"names the source 'x' twice", 64),
        (("code=a", "stdlib"), r"names the source 'code' twice", 64),
        (("other/*",), r"cannot read .*picture\.png; supported are \.txt", 64),
        ((), r"data\.path is empty", 64),
    ],
)
def test_bad_entries(corpus: Path, paths: tuple[str, ...], message: str, code: int) -> None:
    (corpus / "empty").mkdir()
    (corpus / "other").mkdir()
    (corpus / "other" / "picture.png").write_bytes(b"")
    with pytest.raises(UserError, match=message) as error:
        find_sources(DataConfig(path=paths))
    assert error.value.exit_code == code


def test_weights_must_fit_the_sources(corpus: Path) -> None:
    with pytest.raises(UserError, match=r"2 values for 3 sources \(code, prose, a\)") as error:
        find_sources(DataConfig(path=("stdlib", "a"), weights=(1.0, 2.0)))
    assert error.value.exit_code == ExitCode.USAGE
    for weight in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UserError, match="positive"):
            find_sources(DataConfig(path=("a",), weights=(weight,)))


def test_the_embedded_corpus_is_mixed_70_to_30_unless_told_otherwise() -> None:
    assert fixed_weights(DataConfig()) == pytest.approx((0.7, 0.3))
    assert fixed_weights(DataConfig(weights=(1.0, 3.0))) == (1.0, 3.0)
    assert fixed_weights(DataConfig(path=("a/*.txt",))) == ()
