"""The files of a run besides its checkpoints: what it is, how it goes, what it made."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from jaxlm.config import TrainConfig
from jaxlm.config.serialise import diff, from_json, to_json
from jaxlm.errors import ExitCode, UserError

# Settings whose change would make a resumed run a different run: the parameters would not fit, or
# sample n would no longer be sample n.
_FIXED = ("name", "seed", "model.", "tokenizer.", "data.", "batch.", "objective.", "compute.param_")
_FREE = (
    "data.store_dir",
    "data.max_bad_documents",
    # What is added for later steps; what was trained on already is compared by its digest.
    "data.stages",
    "data.stores",
    "batch.accumulation",
    "objective.max_logits",
)


class RunDirectory:
    """Paths and small JSON files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.metrics = path / "metrics.jsonl"
        self.tensorboard = path / "tensorboard"
        self.tokenizer = path / "tokenizer.model"
        self.report = path / "report.html"

    def status(self) -> str:
        """`new`, `running`, `preempted`, `failed` or `done`."""
        return str(self._read_status().get("status", "new"))

    def step(self) -> int:
        """The last step that was recorded with a status."""
        return int(self._read_status().get("step", 0))

    def has_checkpoints(self) -> bool:
        """Whether something was saved, good or damaged: then the run has an identity to keep."""
        return self.checkpoints.is_dir() and any(self.checkpoints.iterdir())

    def command(self) -> str:
        """The command that resumes the run."""
        return (self.path / "command.txt").read_text("utf-8").strip()

    def write_status(self, status: str, step: int, message: str = "", **facts: int) -> None:
        """Records where the run stands, and why; facts stay until they are given again."""
        kept = {name: fact for name, fact in self._read_status().items() if name != "message"}
        now = {"status": status, "step": step, **({"message": message} if message else {})}
        self.write_json("status.json", kept | facts | now)

    def event(self, event: str, **fields: Any) -> None:
        """Appends a line to `events.jsonl`, with the Unix time."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **fields})
        path = self.path / "events.jsonl"
        try:
            with path.open("ab+") as file:
                # A kill may have torn the last line; the next one must not continue it.
                torn = file.seek(0, os.SEEK_END) and _last_byte(file) != b"\n"
                file.write(f"{chr(10) if torn else ''}{line}\n".encode())
        except OSError as error:
            raise _cannot_write(path, error) from None

    @contextlib.contextmanager
    def timed(self, event: str, **fields: Any) -> Iterator[None]:
        """Records an event with the seconds that its block took."""
        began = time.perf_counter()
        yield
        self.event(event, seconds=round(time.perf_counter() - began, 3), **fields)

    def read_json(self, name: str) -> Any:
        """Reads a JSON file that this run wrote."""
        return json.loads((self.path / name).read_text("utf-8"))

    def write_json(self, name: str, content: Any) -> None:
        """Replaces a JSON file in one step."""
        self.write_text(name, json.dumps(content, indent=1, allow_nan=False) + "\n")

    def write_text(self, name: str, content: str) -> None:
        """Replaces a text file in one step."""
        self.write_bytes(name, content.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Replaces a file in one step: a kill or a power cut leaves the old one or the new one."""
        temporary = self.path / f".{name}.tmp"
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path / name)
        except OSError as error:
            raise _cannot_write(self.path / name, error) from None

    def _read_status(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.path / "status.json").read_text("utf-8")))
        except (OSError, ValueError):
            return {}


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        f"{path}: cannot be written: {error.strerror}; free space or choose another run_dir=",
        ExitCode.STORAGE,
    )


def default_path(config: TrainConfig) -> Path:
    """A new directory for a run: `runs/NAME-DATE-TIME`, with a number where that is taken."""
    first = Path("runs") / f"{config.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    path, number = first, 1
    while path.exists():
        number += 1
        path = first.with_name(f"{first.name}.{number}")
    return path


def read_config(path: Path) -> TrainConfig:
    """Reads the configuration of a run.

    Raises:
      UserError: The directory is not a run's.
    """
    file = path / "config.json"
    try:
        content = json.loads(file.read_text("utf-8"))
    except OSError:
        raise UserError(f"{path} is not the directory of a run: it has no config.json") from None
    except ValueError as error:
        raise UserError(f"{file}: damaged: {error}", ExitCode.UNUSABLE) from None
    return from_json(content, str(file))


def check_resume(old: TrainConfig, new: TrainConfig, notify: Callable[[str], None]) -> None:
    """Announces the settings that differ from the run's, or refuses them.

    Raises:
      UserError: A setting changed that makes it another run.
    """
    refused = []
    for name, before, after in diff(to_json(old), to_json(new)):
        line = f"{name}: {before!r} -> {after!r}"
        if name.startswith(_FIXED) and not name.startswith(_FREE):
            refused.append(line)
        else:
            notify(f"resume with a changed setting: {line}")
    if refused:
        raise UserError(
            "these settings cannot change when a run resumes:\n  "
            + "\n  ".join(refused)
            + "\nrestore them, or start a new run in another run_dir="
        )
