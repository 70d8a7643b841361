import json
from pathlib import Path

import pytest

from jaxlm.data.filters.folder import read_texts
from jaxlm.errors import UserError


def test_every_format_of_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.jsonl").write_text('{"body": "two"}\n{"body": " \\n"}\n{"body": "three"}\n')
    assert sorted(read_texts(tmp_path, text_field="body")) == ["one", "three", "two"]


def test_too_few_texts_and_damaged_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "one"}))
    with pytest.raises(UserError, match=r"1 texts that are not empty; at least 2"):
        read_texts(tmp_path, least=2)
    (tmp_path / "b.jsonl").write_text("{")
    with pytest.raises(UserError, match=r"b\.jsonl:1: not JSON"):
        read_texts(tmp_path)
