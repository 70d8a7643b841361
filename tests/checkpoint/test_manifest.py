import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.checkpoint.manifest import find_damage, write_manifest
from jaxlm.checkpoint.steps import CheckpointInfo, step_name

FILES = ["manifest.json", "metadata.json", "arrays/d/data"]


def test_an_untouched_step_is_good(make_step):
    assert find_damage(make_step(7)) is None


@settings(deadline=None, max_examples=100)
@given(name=st.sampled_from(FILES), bit=st.integers(0, 1 << 16))
def test_any_flipped_bit_is_found(name, bit):
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / step_name(3)
        path.mkdir()
        (path / "arrays" / "d").mkdir(parents=True)
        (path / "arrays" / "d" / "data").write_bytes(bytes(range(256)))
        (path / "metadata.json").write_text('{"step": 3}')
        write_manifest(3, path)
        data = bytearray((path / name).read_bytes())
        data[bit // 8 % len(data)] ^= 1 << bit % 8
        (path / name).write_bytes(data)
        damage = find_damage(CheckpointInfo(3, path))
    assert damage is not None
    assert damage.file == name or name == "manifest.json"


@pytest.mark.parametrize("name", FILES)
def test_any_truncation_and_loss_is_found_without_hashes(make_step, name):
    info = make_step(3)
    path = info.path / name
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert find_damage(info, hashes=False).file == name
    path.unlink()
    assert find_damage(info, hashes=False).file == name


def test_swapping_a_file_with_another_step_is_found(make_step):
    first, second = make_step(1), make_step(2)
    for name in FILES:
        kept = (second.path / name).read_bytes()
        shutil.copy(first.path / name, second.path / name)
        assert find_damage(second) is not None, name
        (second.path / name).write_bytes(kept)
    assert find_damage(second) is None


def test_a_step_under_another_name_is_found(make_step, tmp_path):
    info = make_step(1)
    renamed = info.path.rename(tmp_path / step_name(9))
    assert "belongs to step 1" in find_damage(CheckpointInfo(9, renamed)).reason


def test_a_half_copied_step_is_refused_in_every_order(make_step, tmp_path):
    source = make_step(5).path
    for order in (FILES, FILES[::-1]):
        target = tmp_path / "copy" / step_name(5)
        for name in order:
            if target.exists():
                assert find_damage(CheckpointInfo(5, target)) is not None
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)
        assert find_damage(CheckpointInfo(5, target)) is None
        shutil.rmtree(target)


def test_a_file_that_cannot_be_read_is_damage(make_step):
    info = make_step(1)
    path = info.path / "metadata.json"
    path.unlink()
    path.symlink_to(info.path / "loop")
    (info.path / "loop").symlink_to(path)
    assert find_damage(info).file == "metadata.json"


def test_files_beside_the_manifest_are_ignored(make_step):
    info = make_step(1)
    (info.path / "notes.txt").write_text("mine")
    assert find_damage(info) is None


def test_another_format_is_refused_by_name(make_step, monkeypatch):
    monkeypatch.setattr("jaxlm.checkpoint.manifest.FORMAT", 2)
    info = make_step(1)
    monkeypatch.undo()
    assert "format 2" in find_damage(info).reason
