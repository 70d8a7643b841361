"""The token store gives back what was written, and refuses anything else."""

import errno
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jaxlm.data import store as store_module
from jaxlm.data.store import StoreWriter, TokenStore
from jaxlm.errors import ExitCode, UserError
from tests.data.counting_store import write_counting_store
from tests.data.toy_store import write_toy_store


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    write_counting_store(
        path,
        {"prose": (0.7, [5, 1, 9]), "code": (0.3, [40, 7])},
        {"prose": (0.7, [4]), "code": (0.3, [])},
    )
    return path


def test_files_are_flat_arrays_that_numpy_reads_without_the_store(directory: Path) -> None:
    tokens = np.fromfile(directory / "train.0.tokens", "<u4")
    offsets = np.fromfile(directory / "train.0.offsets", "<i8")
    np.testing.assert_array_equal(offsets, [0, 5, 6, 15])
    np.testing.assert_array_equal(tokens, [*range(1, 6), 7, *range(9, 18)])


def test_sources_keep_name_weight_and_order(directory: Path) -> None:
    train = TokenStore.open(directory).split("train")
    assert [(source.name, source.weight) for source in train] == [("prose", 0.7), ("code", 0.3)]
    np.testing.assert_array_equal(train[1].offsets, [0, 40, 47])
    assert not train[0].tokens.flags.writeable
    assert not train[0].tokens.flags.owndata


def test_source_without_documents_is_empty(directory: Path) -> None:
    code = TokenStore.open(directory).split("validation")[1]
    assert len(code.tokens) == 0
    np.testing.assert_array_equal(code.offsets, [0])


def test_manifest_counts_and_hashes_every_file(directory: Path) -> None:
    manifest = TokenStore.open(directory).manifest
    prose = manifest["splits"]["train"][0]
    assert (prose["num_documents"], prose["num_tokens"], prose["num_bytes"]) == (3, 15, 45)
    assert manifest["dtype"] == "uint32"
    assert manifest["extra"] == {"tokenizer_fingerprint": "f" * 64}
    on_disk = {path.name for path in directory.iterdir()} - {"manifest.json"}
    assert set(manifest["files"]) == on_disk
    for name, entry in manifest["files"].items():
        content = (directory / name).read_bytes()
        assert entry == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_digest_follows_content_and_not_the_place(tmp_path: Path) -> None:
    first = write_counting_store(tmp_path / "a", {"s": (1.0, [5, 6])})
    same = write_counting_store(tmp_path / "b", {"s": (1.0, [5, 6])})
    other = write_counting_store(tmp_path / "c", {"s": (1.0, [6, 5])})
    assert first.digest == same.digest != other.digest


def test_many_appends_equal_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "FLUSH_TOKENS", 8)
    documents = [np.arange(n) for n in (3, 0, 12, 1, 7, 2)]
    for name, chunk in (("one", 6), ("many", 1)):
        (tmp_path / name).mkdir()
        writer = StoreWriter(tmp_path / name, "uint16")
        source = writer.add_source("train", "s", 1.0)
        for first in range(0, 6, chunk):
            source.append(documents[first : first + chunk], [1] * chunk)
        writer.finish({})
    one, many = (TokenStore.open(tmp_path / name) for name in ("one", "many"))
    assert one.digest == many.digest
    np.testing.assert_array_equal(many.split("train")[0].tokens, np.concatenate(documents))


def test_token_that_does_not_fit_the_type_is_refused(tmp_path: Path) -> None:
    source = StoreWriter(tmp_path, "uint16").add_source("train", "s", 1.0)
    with pytest.raises(ValueError, match="70000"):
        source.append([np.array([1, 70000])], [2])


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_count(path: Path) -> None:
    path.write_text(path.read_text().replace('"num_tokens": 15', '"num_tokens": 16'))


def change_version(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))


@pytest.mark.parametrize(
    ("name", "damage", "expected", "found"),
    [
        ("train.0.tokens", cut_in_half, "expected 60 bytes", "found 30 bytes"),
        ("train.0.tokens", flip_byte, "expected SHA-256 [0-9a-f]{64}", "found SHA-256"),
        ("train.1.offsets", flip_byte, "expected SHA-256", "found SHA-256"),
        ("tokenizer.model", flip_byte, "expected SHA-256", "found SHA-256"),
        ("train.1.tokens", Path.unlink, "expected a file of 188 bytes", "found no such file"),
        ("manifest.json", Path.unlink, "expected the manifest", "found no such file"),
        ("manifest.json", cut_in_half, "expected a manifest in JSON", "found "),
        ("manifest.json", change_count, "expected content of digest", "found digest"),
        ("manifest.json", change_version, "expected format version 1", "found 99"),
    ],
)
def test_damaged_store_is_refused(
    directory: Path, name: str, damage: Callable[[Path], None], expected: str, found: str
) -> None:
    damage(directory / name)
    with pytest.raises(UserError) as caught:
        TokenStore.open(directory)
    message = str(caught.value)
    assert caught.value.exit_code == ExitCode.UNUSABLE == 77
    assert f"{directory / name}: " in message
    assert re.search(expected, message) and found in message
    assert f"delete {directory} and prepare the data again" in message


def test_flipped_bit_of_the_manifest_is_found_or_harmless(directory: Path) -> None:
    path = directory / "manifest.json"
    content, whole = path.read_bytes(), TokenStore.open(directory, verify="size").manifest
    for position in range(0, len(content), 11):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            assert TokenStore.open(directory, verify="size").manifest == whole
        except UserError as error:
            assert error.exit_code == ExitCode.UNUSABLE


def test_size_check_still_refuses_offsets_out_of_order(directory: Path) -> None:
    np.array([0, 41, 47], "<i8").tofile(directory / "train.1.offsets")
    store = TokenStore.open(directory, verify="size")
    np.testing.assert_array_equal(store.split("train")[1].offsets, [0, 41, 47])
    np.array([0, 48, 47], "<i8").tofile(directory / "train.1.offsets")
    with pytest.raises(UserError, match=r"train\.1\.offsets: expected offsets that rise"):
        store.split("train")


def test_missing_directory_and_split_are_named(directory: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.*no such directory"):
        TokenStore.open(directory / "nowhere")
    with pytest.raises(UserError, match=r"no split 'test', only \['train', 'validation'\]"):
        TokenStore.open(directory).split("test")


def test_unfinished_store_is_refused(tmp_path: Path) -> None:
    StoreWriter(tmp_path, "uint16").add_source("train", "s", 1.0).append([np.arange(3)], [3])
    with pytest.raises(UserError, match="manifest of a complete token store"):
        TokenStore.open(tmp_path)


def test_failed_write_is_a_storage_error_that_names_the_file(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "gone", "uint16")
    with pytest.raises(UserError, match=r"gone/train\.0\.tokens") as caught:
        writer.add_source("train", "s", 1.0)
    assert caught.value.exit_code == ExitCode.STORAGE


def test_an_id_that_is_not_utf8_is_kept_in_escapes(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path, "uint16")
    names = [b"caf\xe9.txt".decode("utf-8", "surrogateescape"), "caf\u00e9.txt"]
    writer.add_source("train", "s", 1.0).append([np.arange(3)] * 2, [3, 3], names)
    writer.finish({})
    (source,) = TokenStore.open(tmp_path).split("train")
    assert [source.document_id(n) for n in (0, 1)] == ["caf\\udce9.txt", "caf\u00e9.txt"]


def test_a_store_without_its_tokenizer_has_no_fingerprint(directory: Path, tmp_path: Path) -> None:
    whole = write_toy_store(tmp_path / "whole", {"a": (1.0, ["text"])})
    assert whole.fingerprint == "f" * 64
    with pytest.raises(UserError, match="expected the fingerprint of a tokenizer") as caught:
        TokenStore.open(directory).fingerprint  # noqa: B018
    assert caught.value.exit_code == ExitCode.UNUSABLE
    whole.tokenizer_path.unlink()
    with pytest.raises(UserError, match=r"tokenizer\.model: expected the tokenizer") as caught:
        whole.fingerprint  # noqa: B018
    assert caught.value.exit_code == ExitCode.UNUSABLE


def test_too_many_open_files_are_not_called_damage(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    store = TokenStore.open(directory)
    monkeypatch.setattr(np, "memmap", refuse)
    with pytest.raises(UserError, match=r"Too many open files.*ulimit -n") as caught:
        store.split("train")
    assert "delete" not in str(caught.value)
