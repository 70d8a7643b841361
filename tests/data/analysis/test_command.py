import json

import pytest

from jaxlm.data import analyse
from jaxlm.errors import ExitCode, UserError
from tests.data.analysis import planted

SOURCES = ("forum", "legacy", "stubs")


@pytest.fixture
def paths(tmp_path):
    texts = planted.sources()
    for name in SOURCES:
        lines = [json.dumps({"text": text}) for text in texts[name]]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    return [str(tmp_path / f"{name}.jsonl") for name in SOURCES]


def test_findings_are_printed_and_files_written(paths, tmp_path, capsys):
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    code = analyse.main([*paths, "--html", str(page), "--json", str(numbers)])
    assert code == ExitCode.DONE
    printed = capsys.readouterr().out
    assert "128 documents" in printed
    assert "[high] forum: one line occurs in 30 of 50 sampled documents" in printed
    assert json.loads(numbers.read_text())["total"]["documents"] == 128
    assert "<!doctype html>" in page.read_text()


def test_an_earlier_state_is_compared(paths, tmp_path):
    numbers, page = tmp_path / "numbers.json", tmp_path / "page.html"
    analyse.main([paths[0], "--json", str(numbers)])
    analyse.main([*paths, "--before", str(numbers), "--html", str(page)])
    assert "Before and after" in page.read_text()


def test_unreadable_records_are_counted(tmp_path, capsys):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "one"}\nnot json\n')
    analyse.main([str(file)])
    printed = capsys.readouterr().out
    assert "left out: 1" in printed
    assert f"{file}:2:" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--workers", "0"], "at least 1"), (["--before", "gone.json", "--html", "x"], "gone.json")],
)
def test_wrong_arguments_are_named(paths, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        analyse.main([*paths, *arguments])


def test_tables_are_cut_by_size(monkeypatch, paths):
    monkeypatch.setattr(analyse, "TABLE_CHARACTERS", 3000)
    small, _ = analyse.analyse(paths)
    monkeypatch.setattr(analyse, "TABLE_CHARACTERS", 1 << 23)
    large, _ = analyse.analyse(paths)
    assert json.dumps(small.result()) == json.dumps(large.result())


@pytest.mark.slow
def test_workers_give_the_same_result(paths):
    one, _ = analyse.analyse(paths)
    two, _ = analyse.analyse(paths, num_workers=2)
    assert json.dumps(one.result()) == json.dumps(two.result())
