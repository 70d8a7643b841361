import sys
from types import ModuleType, SimpleNamespace

import pytest

from jaxlm.data.config import DataConfig
from jaxlm.data.readers import ReadOptions, list_files, read_file
from jaxlm.data.readers.huggingface import Address, parse_address
from jaxlm.data.sources import find_sources
from jaxlm.errors import ExitCode, UserError


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("org/name", Address("org/name", None, "train", None)),
        ("name:test", Address("name", None, "test", None)),
        ("name#en", Address("name", None, "train", "en")),
        ("o/n@v1.0:train[:5%]#a:b", Address("o/n", "v1.0", "train[:5%]", "a:b")),
    ],
)
def test_addresses(address: str, parts: Address) -> None:
    assert parse_address(f"hf://datasets/{address}") == parts


@pytest.mark.parametrize("address", ["hf://datasets/", "hf://datasets/:train", "hf://models/x"])
def test_bad_addresses(address: str) -> None:
    with pytest.raises(UserError, match="not the address of a dataset"):
        parse_address(address)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for `datasets` that takes only what the real one takes."""
    module = ModuleType("datasets")

    def load_dataset(path, name=None, *, split, revision=None, streaming):
        assert streaming
        if path == "gone":
            raise ConnectionError("no hub")
        return iter(
            [{"text": f"{path} {name} {split} {revision}", "id": 4}, {"text": None, "id": 5}]
        )

    def load_dataset_builder(path, name=None, *, revision=None):
        return SimpleNamespace(hash="abc", info=SimpleNamespace(download_size=None))

    module.load_dataset = load_dataset
    module.load_dataset_builder = load_dataset_builder
    monkeypatch.setitem(sys.modules, "datasets", module)
    return module


def test_rows_are_documents(library: ModuleType) -> None:
    (source,) = find_sources(DataConfig(path=("web=hf://datasets/o/n:test#en",)))
    assert (source.name, source.listing) == ("web", ("o/n:test#en abc",))
    assert list_files(source.entry.removeprefix("web=")).name == "n"
    first, bad = source.read()
    assert (first.id, first.text) == ("o/n:test#en:1", "o/n en test None")
    assert str(bad) == "hf://datasets/o/n:test#en:2: column 'text' holds NoneType, not text"


def test_own_ids(library: ModuleType) -> None:
    options = ReadOptions(id_field="id")
    first, _ = read_file("hf://datasets/n", "n", source="s", options=options)
    assert first.id == "4"


def test_a_hub_out_of_reach_is_named(library: ModuleType) -> None:
    with pytest.raises(UserError, match="ConnectionError: no hub") as error:
        list(read_file("hf://datasets/gone", "gone", source="s"))
    assert error.value.exit_code == ExitCode.STORAGE


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match="pip install datasets"):
        list(read_file("hf://datasets/n", "n", source="s"))
