"""A trained run, read back for use: configuration, model, parameters, tokenizer."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import NamedTuple

import jax

from jaxlm.checkpoint.fallback import newest_good
from jaxlm.checkpoint.restore import restore
from jaxlm.config import TrainConfig
from jaxlm.data.store import TokenStore
from jaxlm.data.tokenise import check_tokenizer, tokenise
from jaxlm.errors import ExitCode, UserError
from jaxlm.layers.compute import resolve
from jaxlm.models.base import Model, Params, with_buffers
from jaxlm.run_directory import RunDirectory, read_config
from jaxlm.tokenizers import Tokenizer
from jaxlm.tokenizers import load as load_tokenizer


class TrainedRun(NamedTuple):
    """What is needed to use a run's newest good checkpoint."""

    config: TrainConfig
    model: Model
    params: Params
    tokenizer: Tokenizer
    step: int


def load_run(path: Path) -> TrainedRun:
    """Reads a run directory.

    Raises:
      UserError: It is no run, or has no checkpoint that can be trusted.
    """
    directory = RunDirectory(path)
    config = read_config(path)
    info = newest_good(
        directory.checkpoints, _notify, verify=config.checkpoint.verify, set_aside=False
    )
    if info is None:
        raise UserError(f"{path}: the run has no checkpoint yet", ExitCode.UNUSABLE)
    device = jax.devices()[0]
    kernels = dataclasses.replace(config.compute, attention="auto")  # this may be another machine
    model = config.model.build(resolve(kernels, device))
    sharding = jax.sharding.SingleDeviceSharding(device)
    params, buffers = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
        (model.abstract_params(), model.abstract_buffers()),
    )
    params = restore(info, params, part="params")
    if buffers:
        params = with_buffers(params, restore(info, buffers, part="buffers/model"))
    return TrainedRun(config, model, params, load_tokenizer(directory.tokenizer), info.step)


def open_store(path: Path, run: TrainedRun) -> TokenStore:
    """Opens the token store that a run was trained on, or prepares it again where it is gone.

    Raises:
      UserError: What is there now is not what the run was trained on.
    """
    try:
        recorded = json.loads((path / "data.json").read_text("utf-8"))
        known, digest = Path(recorded["store"]), recorded["digest"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path / 'data.json'} does not say which token store the run was trained on "
            f"({error!r}); start the run again, which writes it",
            ExitCode.UNUSABLE,
        ) from None
    if (known / "manifest.json").exists() or run.config.data.stores:
        store = TokenStore.open(known)
    else:
        store = tokenise(run.config, _notify)
    if store.digest != digest:
        raise UserError(
            f"token store {store.directory} is not the one that the run was trained on "
            f"({store.digest[:12]}, not {digest[:12]}): the text or a library has changed",
            ExitCode.UNUSABLE,
        )
    check_tokenizer(store, run.tokenizer.fingerprint)
    return store


def _notify(message: str) -> None:
    print(message, file=sys.stderr)
