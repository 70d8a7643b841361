"""Train a model: `python -m jaxlm.train configs/NAME.py [section.key=value ...] [run_dir=DIR]`.

`run` opens the run's directory, `train` is the loop; what a step does is in `jaxlm.step`, how the
parts are built in `jaxlm.parts`.
"""

import contextlib
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax

from jaxlm.checkpoint.lock import RunLock
from jaxlm.checkpoint.writer import Writer
from jaxlm.config import TrainConfig
from jaxlm.config.loader import load
from jaxlm.config.serialise import digest, to_json
from jaxlm.data.loader import Loader, make_loader
from jaxlm.environment import versions
from jaxlm.errors import ExitCode, UserError, run_main
from jaxlm.evaluate import evaluate, validation_batches
from jaxlm.generate import sample_text
from jaxlm.interruption import Interruption, watch_signals
from jaxlm.models.base import num_params
from jaxlm.monitor.progress import Progress
from jaxlm.monitor.run_log import Pending, RunLog
from jaxlm.parts import Parts, build
from jaxlm.report.run import write_report
from jaxlm.run_directory import RunDirectory, check_resume, default_path, read_config
from jaxlm.step import TrainState


def main() -> int:
    """Reads the command line and trains."""
    arguments = sys.argv[1:]
    loaded = load(arguments, jax.device_count)
    if loaded.dry_run:
        from jaxlm.dry_run import dry_run

        return dry_run(loaded)
    path = loaded.directory or default_path(loaded.config)
    command = [_interpreter(), "-m", "jaxlm.train", *arguments]
    if loaded.directory is None:
        command.append(f"run_dir={path}")
    return run(loaded.config, path, shlex.join(command))


def _interpreter() -> str:
    """The running interpreter as one would type it here."""
    try:
        return str(Path(sys.executable).relative_to(Path.cwd()))
    except ValueError:
        return sys.executable


def run(config: TrainConfig, path: Path, command: str) -> int:
    """Runs a configuration in a directory: starts, resumes, or says that it is finished.

    Args:
      config: The configuration.
      path: The run's directory.
      command: What resumes the run.

    Returns:
      The exit code.

    Raises:
      UserError: Whatever a user can mend.
    """
    if path.is_file():
        raise UserError(f"run_dir={path} is a file; give a directory, or a name that is not taken")
    directory = RunDirectory(path)
    progress = Progress(config.num_steps, config.monitor.log_every_steps)
    with RunLock(path), progress, watch_signals() as interruption:
        if directory.has_checkpoints():
            check_resume(read_config(path), config, progress.note)
        if directory.status() == "done" and directory.step() >= config.num_steps:
            progress.note(f"this run is finished; its report: {directory.report}")
            return ExitCode.DONE
        progress.note(f"run directory {path}")
        resumes = directory.has_checkpoints()
        if not resumes:
            describe(config, directory, command)
        parameters = num_params(config.model)
        directory.write_status("running", directory.step(), num_parameters=parameters)
        try:
            parts = build(config, directory, progress)
            if resumes:  # a resume that is refused leaves the description of what was trained
                describe(config, directory, command)
            code = train(config, parts, directory, progress, interruption)
        except BaseException as error:
            with contextlib.suppress(Exception):  # what went wrong first is what to tell
                status = "preempted" if isinstance(error, KeyboardInterrupt) else "failed"
                directory.write_status(status, directory.step(), message=str(error))
                write_report(path)
            raise
        progress.note(f"report: {write_report(path)}")
        return code


def describe(config: TrainConfig, directory: RunDirectory, command: str) -> None:
    """Writes what the run is: its configuration, what resumes it, and the versions it runs on."""
    directory.write_json("config.json", to_json(config))
    directory.write_text("command.txt", command + "\n")
    directory.write_json("versions.json", versions())


def train(
    config: TrainConfig,
    parts: Parts,
    directory: RunDirectory,
    progress: Progress,
    interruption: Interruption,
) -> int:
    """The loop.

    A step's metrics are fetched when the next step has been dispatched, so that the device does
    not wait for the host; before a save or an evaluation they are fetched at once.

    Returns:
      0, or 75 after a signal.
    """
    state, start, num_steps = parts.state, int(parts.state.step), config.num_steps
    with interruption.defer(), opened(config, parts, directory, progress) as (log, writer, batches):
        due = start == 0 or is_due(start, config.evaluation.every_steps, num_steps)
        if due and not log.has_validation(start):
            validate(config, parts, state, start, log, interruption)
        log.restart_clock()
        pending: Pending | None = None
        for step in range(start + 1, num_steps + 1):
            began = time.perf_counter()
            rows = config.objective.prepare(next(batches), config.seed)
            waited = time.perf_counter() - began
            state, metrics = parts.train_step(state, parts.put(rows))
            if pending is not None:
                log.step(pending, writer.last_saved)
            pending = Pending(step, metrics, waited, rows["sample_id"])
            writer.check()

            stopped = interruption.requested if step < num_steps else None
            saves = stopped or is_due(step, config.checkpoint.every_steps, num_steps)
            evaluates = not stopped and is_due(step, config.evaluation.every_steps, num_steps)
            if not saves and not evaluates:
                continue
            log.step(pending, writer.last_saved)
            pending = None
            if saves:
                save(config, parts, state, step, writer, directory)
            if evaluates:
                validate(config, parts, state, step, log, interruption)
            if stopped:
                writer.wait()
                directory.write_status("preempted", step)
                progress.note(f"{stopped}: saved step {step}; resume with: {directory.command()}")
                return ExitCode.RESTART
            log.restart_clock()
        writer.wait()
        finish(config, parts, state, directory, progress)
    return ExitCode.DONE


@contextlib.contextmanager
def opened(
    config: TrainConfig, parts: Parts, directory: RunDirectory, progress: Progress
) -> Iterator[tuple[RunLog, Writer, Loader]]:
    """Opens what the loop writes to and reads from, under the mesh, and closes it in any case."""
    start = int(parts.state.step)
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.set_mesh(parts.mesh))
        log = RunLog(
            config,
            directory,
            progress,
            list(parts.mesh.devices.flat),
            parts.model.compute.dtype.name,
            parts.stream.digest_before,
            start,
        )
        stack.enter_context(contextlib.closing(log))
        writer = Writer(directory.checkpoints, config.checkpoint)
        stack.enter_context(contextlib.closing(writer))
        batches = make_loader(
            parts.stream,
            batch_size=config.batch.size,
            start_step=start,
            num_steps=config.num_steps - start,
            host=jax.process_index(),
            num_hosts=jax.process_count(),
        )
        stack.enter_context(contextlib.closing(batches))
        yield log, writer, batches


def is_due(step: int, every_steps: int, num_steps: int) -> bool:
    """Whether something that happens every so many steps, and after the last one, is due."""
    return step == num_steps or (every_steps > 0 and step % every_steps == 0)


def save(
    config: TrainConfig,
    parts: Parts,
    state: TrainState,
    step: int,
    writer: Writer,
    directory: RunDirectory,
) -> None:
    """Starts saving a checkpoint; returns when the state may be donated again."""
    with directory.timed("save", step=step):
        writer.save(
            step,
            state,
            {
                "store_digest": parts.stream.digest_before(step * config.batch.size),
                "config_digest": digest(config),
                "versions": directory.read_json("versions.json"),
            },
        )


def validate(
    config: TrainConfig,
    parts: Parts,
    state: TrainState,
    step: int,
    log: RunLog,
    interruption: Interruption,
) -> None:
    """Evaluates on the validation split and logs the result, unless the run is asked to stop."""
    began = time.perf_counter()
    batches = validation_batches(config, parts.store, config.evaluation.max_batches)
    token_bytes = parts.store.tokenizer.token_bytes()
    with contextlib.closing(batches):
        result = evaluate(
            parts.eval_step,
            state.weights(),
            batches,
            parts.put,
            token_bytes,
            lambda: step < config.num_steps and interruption.requested is not None,
        )
    if result is not None:
        log.validation(step, result.loss, result.bits_per_byte, time.perf_counter() - began)


def finish(
    config: TrainConfig,
    parts: Parts,
    state: TrainState,
    directory: RunDirectory,
    progress: Progress,
) -> None:
    """Draws the samples; the run is done."""
    tokenizer = parts.store.tokenizer
    samples = []
    with directory.timed("sample"):
        for prompt in config.sampling.prompts:
            try:
                text = sample_text(parts.model, state.weights(), tokenizer, prompt, config.sampling)
            except UserError as error:  # a prompt must not fail a run that is trained
                progress.note(f"no sample for {prompt[:40]!r}: {error}")
                continue
            samples.append({"prompt": prompt, "text": text})
            progress.note(f"sample: {prompt}{text}")
    directory.write_json("samples.json", samples)
    directory.write_status("done", config.num_steps)


if __name__ == "__main__":
    run_main(main)
