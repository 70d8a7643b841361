"""Sample text from a trained model.

python -m jaxlm.generate RUN_DIR --prompt "def main(" --max-new-tokens 64 --temperature 0.8
"""

import functools
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlm.errors import ArgumentParser, UserError, run_main

if TYPE_CHECKING:
    from jaxlm.models.base import Model
    from jaxlm.tokenizers import Tokenizer

# Prompts and caches are padded to multiples of this, so that few shapes are compiled.
BUCKET = 64


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Samples drawn at the end of training, for the report.

    Attributes:
      prompts: One sample each.
      max_new_tokens: Tokens to draw after the prompt.
      temperature: Divides the logits; 0 takes the most likely token.
    """

    prompts: tuple[str, ...] = ()
    max_new_tokens: int = 64
    temperature: float = 0.8


def generate(
    model: "Model",
    params: Any,
    prompt: list[int],
    *,
    max_new_tokens: int,
    temperature: float,
    seed: int = 0,
    stop_id: int | None = None,
    vocab_size: int | None = None,
) -> Iterator[int]:
    """Draws tokens one by one with a key-value cache.

    Token i is drawn with the key of (seed, its position), so a sample does not depend on how the
    work was cut.

    Args:
      model: The model.
      params: Its parameters.
      prompt: Token ids, at least one.
      max_new_tokens: Most tokens to draw.
      temperature: Divides the logits; 0 takes the most likely token.
      seed: Seed of the draws.
      stop_id: Token that ends the sample; not yielded.
      vocab_size: Pieces of the tokenizer: rows of the embedding beyond them are never drawn.

    Raises:
      UserError: Prompt and new tokens exceed the model's longest sequence, or are empty.
    """
    total = len(prompt) + max_new_tokens
    if total > model.config.max_seq_len:
        raise UserError(
            f"{len(prompt)} prompt tokens and {max_new_tokens} new ones exceed the model's "
            f"max_seq_len of {model.config.max_seq_len}; shorten the prompt or --max-new-tokens"
        )
    if not prompt or max_new_tokens < 1 or not 0 <= temperature < float("inf"):
        raise UserError(
            f"a sample needs a prompt ({len(prompt)} tokens), at least one new token "
            f"({max_new_tokens}) and a finite temperature of 0 or more ({temperature})"
        )
    prefill, decode = _compiled(model, temperature, vocab_size)
    tokens = np.zeros((1, _bucket(len(prompt))), np.int32)
    tokens[0, : len(prompt)] = prompt
    cache = model.init_cache(1, max(_bucket(total), tokens.shape[1]))
    key = jax.random.key(seed)
    token, cache = prefill(params, tokens, cache, len(prompt), key)
    for position in range(len(prompt), total):
        value = int(token[0])
        if value == stop_id:
            return
        yield value
        if position + 1 < total:
            token, cache = decode(params, token, cache, position, key)


@functools.lru_cache(maxsize=8)
def _compiled(model: "Model", temperature: float, vocab_size: int | None) -> tuple[Any, Any]:
    """The two jitted functions of a model: the whole prompt at once, then one token."""

    def prefill(
        params: Any, tokens: jax.Array, cache: Any, length: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, Any]:
        encoded = model.encode(params, {"tokens": tokens}, cache=cache)
        last = jax.lax.dynamic_slice_in_dim(encoded.hidden, length - 1, 1, axis=1)[:, 0]
        logits = model.logits(params, last)[:, :vocab_size]
        return sample(logits, temperature, key, length), encoded.cache

    def decode(
        params: Any, token: jax.Array, cache: Any, position: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, Any]:
        batch = {"tokens": token[:, None], "positions": jnp.full((1, 1), position)}
        output = model.apply(params, batch, cache)
        logits = output.logits[:, 0, :vocab_size]
        return sample(logits, temperature, key, position + 1), output.cache

    return jax.jit(prefill, donate_argnums=2), jax.jit(decode, donate_argnums=2)


def sample(logits: jax.Array, temperature: float, key: jax.Array, position: jax.Array) -> jax.Array:
    """Draws a token for `position`: [batch, vocab] -> int32 [batch]."""
    if temperature == 0:
        return jnp.argmax(logits, axis=-1).astype(jnp.int32)
    key = jax.random.fold_in(key, position)
    return jax.random.categorical(key, logits / temperature).astype(jnp.int32)


def _bucket(length: int) -> int:
    return -(-length // BUCKET) * BUCKET


def sample_text(
    model: "Model", params: Any, tokenizer: "Tokenizer", prompt: str, config: SamplingConfig
) -> str:
    """One sample as text, without the prompt; as long as the model's longest sequence allows."""
    ids = [tokenizer.bos_id, *tokenizer.encode(prompt)]
    drawn = generate(
        model,
        params,
        ids,
        max_new_tokens=min(config.max_new_tokens, model.config.max_seq_len - len(ids)),
        temperature=config.temperature,
        stop_id=tokenizer.eos_id,
        vocab_size=tokenizer.vocab_size,
    )
    return tokenizer.decode(list(drawn))


def _is_text(text: str) -> bool:
    """Whether a command line argument was UTF-8: what was not came in as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def main() -> None:
    """Samples from the newest checkpoint of a run, printing as the tokens come."""
    parser = ArgumentParser(prog="python -m jaxlm.generate", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--prompt", default="")
    parser.add_argument("--max-new-tokens", type=int, help="64 by default, or as many as fit")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not _is_text(arguments.prompt):
        parser.error("--prompt is not valid UTF-8 text")
    if not 0 <= arguments.seed < 2**32:
        parser.error(f"--seed {arguments.seed}: expected 0 to {2**32 - 1}")

    from jaxlm.trained import load_run

    run = load_run(arguments.run_dir)
    ids = [run.tokenizer.bos_id, *run.tokenizer.encode(arguments.prompt)]
    room = run.config.model.max_seq_len - len(ids)
    count = min(64, max(room, 1)) if arguments.max_new_tokens is None else arguments.max_new_tokens
    print(arguments.prompt, end="", flush=True)
    drawn: list[int] = []
    shown, times = "", []
    tokens = generate(
        run.model,
        run.params,
        ids,
        max_new_tokens=count,
        temperature=arguments.temperature,
        seed=arguments.seed,
        stop_id=run.tokenizer.eos_id,
        vocab_size=run.tokenizer.vocab_size,
    )
    for token in tokens:
        times.append(time.perf_counter())
        drawn.append(token)
        text = run.tokenizer.decode(drawn)
        if not text.endswith("\ufffd"):  # half of a character spelt in bytes
            print(text[len(shown) :], end="", flush=True)
            shown = text
    print(run.tokenizer.decode(drawn)[len(shown) :])
    if len(times) > 2:  # the first token pays for the prompt, the second for compiling
        rate = (len(times) - 2) / (times[-1] - times[1])
        print(f"{len(times)} tokens, {rate:.0f} tokens/s after the second", file=sys.stderr)


if __name__ == "__main__":
    run_main(main)
