from pathlib import Path

import numpy as np
import pytest

from jaxlm.data.filters.npz import read_npz, write_npz
from jaxlm.errors import ExitCode, UserError


def test_a_model_is_read_as_written_and_written_as_before(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, "test-1", {"x": [1, "é"]}, {"y": np.arange(3)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    header, arrays = read_npz(tmp_path / "a.npz", "test-1")
    assert header == {"x": [1, "é"]}
    assert arrays["y"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [None, b"", b"text", b"PK\x03\x04 cut off"])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "m.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"m\.npz: cannot read a test-1 model") as error:
        read_npz(path, "test-1")
    assert error.value.exit_code == ExitCode.UNUSABLE


def test_a_damaged_and_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    write_npz(path, "test-1", {}, {"y": np.arange(1000)})
    with pytest.raises(UserError, match="a test-1 model, not test-2"):
        read_npz(path, "test-2")
    data = path.read_bytes()
    path.write_bytes(data[:-300] + b"x" * 100 + data[-200:])
    with pytest.raises(UserError, match="cannot read"):
        read_npz(path, "test-1")
    np.savez(path, y=np.arange(3))
    with pytest.raises(UserError, match="cannot read"):
        read_npz(path, "test-1")
    np.savez(path, header=np.array([{}], object), y=np.arange(3))
    with pytest.raises(UserError, match="cannot read"):
        read_npz(path, "test-1")
