"""A model: an embedding, segments of stacked blocks, a final norm and an output matrix.

Stacking, scan, rematerialisation and caches live here, in plain JAX around Linen blocks that each
know one layer. Parameters are `{"embed", "segments": {name: stacked}, "norm", "unembed"}`; the
leading dimension of a segment's arrays is the layer.
"""

import abc
import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxlm.layers.attention import Inputs
from jaxlm.layers.compute import Compute, RematPolicy, reference

Params = Any
Buffers = Mapping[str, Any]
Stats = Mapping[str, Any]
Batch = Mapping[str, jax.Array]


@dataclass(frozen=True, kw_only=True)
class ModelConfig(abc.ABC):
    """Base of every architecture's configuration.

    Attributes:
      vocab_size: Rows of the embedding; at least the tokenizer's pieces.
      d_model: Width of the residual stream.
      num_layers: Transformer blocks.
      max_seq_len: Longest sequence the model is meant for.
    """

    vocab_size: int
    d_model: int
    num_layers: int
    max_seq_len: int

    @abc.abstractmethod
    def build(self, compute: Compute) -> "Model":
        """The model of this configuration."""

    @abc.abstractmethod
    def attention_flops_per_token(self, seq_len: int) -> int:
        """Training FLOPs of attention scores and sums per token, causal attention at half."""

    @abc.abstractmethod
    def activation_elements_per_token(self, remat: RematPolicy) -> int:
        """Numbers that one layer keeps for the backward pass, per token, without the scores."""

    @abc.abstractmethod
    def score_elements_per_token(self, seq_len: int) -> int:
        """Attention scores of one layer that are in memory at once, per token."""


class Segment(NamedTuple):
    """Equal layers in a row.

    Attributes:
      name: Key of the segment's parameters.
      block: One layer: `block(state, inputs, cache) -> (state, cache)`; statistics by `sow` into
        the collection `stats`; buffers by `layers.params.buffer`; dropout keys by the random
        stream `dropout`.
      num_layers: Number of layers.
    """

    name: str
    block: nn.Module
    num_layers: int


class Output(NamedTuple):
    """What a model computes from a batch.

    Attributes:
      logits: float32 [batch, seq, vocab].
      hidden: [batch, seq, d_model] after the final norm.
      stats: Statistics of the blocks by segment, each with a leading layer dimension.
      cache: Updated key-value caches by segment, or none.
      hidden_states: On request the embedding and each layer's output: [layers + 1, ...].
    """

    logits: jax.Array
    hidden: jax.Array
    stats: Stats
    cache: Any
    hidden_states: jax.Array | None


class Encoded(NamedTuple):
    """A model's computation up to the output matrix; fields as in `Output`."""

    hidden: jax.Array
    stats: Stats
    cache: Any
    hidden_states: jax.Array | None


def keep_buffers(buffers: Buffers, stats: Stats) -> Buffers:
    """The update of a model whose buffers do not change."""
    del stats
    return buffers


@dataclass(frozen=True)
class Model:
    """The pure functions of an architecture.

    Parameters travel as one tree. Where blocks have buffers (arrays that they read and gradients do
    not learn), its key `buffers` holds them; see `with_buffers`.

    Attributes:
      config: Sizes.
      compute: Precision and kernels.
      embed: Tokens to hidden states.
      segments: The layers.
      norm: Final norm.
      unembed: Hidden states and embedding to logits.
      new_cache: `(batch, max_seq_len) -> cache` of one layer.
      update_buffers: `(buffers, stats) -> buffers`, once a step; `stats` are summed over the batch.
    """

    config: ModelConfig
    compute: Compute
    embed: nn.Module
    segments: tuple[Segment, ...]
    norm: nn.Module
    unembed: nn.Module
    new_cache: Callable[[int, int], Any]
    update_buffers: Callable[[Buffers, Stats], Buffers] = keep_buffers

    def init(self, key: jax.Array) -> Params:
        """Draws the parameters; layer `l` of a segment depends on `l` and the key only."""
        return nn.meta.unbox(self._init(key))

    def init_buffers(self) -> Buffers:
        """Buffers at the start of training: by segment, layers stacked; empty where none are."""
        return nn.meta.unbox(self._init_buffers())

    def axes(self) -> Any:
        """Logical axes of every parameter: a tree like `params` with tuples of names as leaves."""
        boxed = jax.eval_shape(self._init, jax.random.key(0))
        return {name: _axes(tree, name == "segments") for name, tree in boxed.items()}

    def buffer_axes(self) -> Any:
        """Logical axes of every buffer: a tree like `init_buffers` with tuples as leaves."""
        return _axes(jax.eval_shape(self._init_buffers), is_stacked=True)

    def abstract_params(self) -> Params:
        """Shapes and types of the parameters, without memory."""
        return jax.eval_shape(self.init, jax.random.key(0))

    def abstract_buffers(self) -> Buffers:
        """Shapes and types of the buffers, without memory."""
        return jax.eval_shape(self.init_buffers)

    def encode(
        self,
        params: Params,
        batch: Batch,
        key: jax.Array | None = None,
        cache: Any = None,
        with_hidden_states: bool = False,
    ) -> Encoded:
        """Runs embedding, layers and final norm.

        Args:
          params: Parameters.
          batch: `tokens` int32 [batch, seq]; `positions` and `segment_ids` are filled in where
            missing: positions from 0, one segment.
          key: Random key of this microbatch, for blocks that draw.
          cache: From `init_cache`, to continue sequences.
          with_hidden_states: Also return every layer's output.
        """
        tokens = batch["tokens"]
        positions = batch.get("positions")
        if positions is None:
            positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
        inputs = Inputs(positions, batch.get("segment_ids"))
        state = {"hidden": _apply(self.embed, params["embed"], tokens)}
        hidden_states = [state["hidden"][None]]
        stats, caches, buffers = {}, {}, params.get("buffers", {})
        for number, segment in enumerate(self.segments):
            segment_key = None if key is None else jax.random.fold_in(key, number)
            state, stats[segment.name], caches[segment.name], hiddens = run_segment(
                segment,
                params["segments"][segment.name],
                buffers.get(segment.name, {}),
                state,
                inputs,
                segment_key,
                None if cache is None else cache[segment.name],
                self.compute,
                with_hidden_states,
            )
            hidden_states.append(hiddens)
        hidden = _apply(self.norm, params["norm"], state["hidden"])
        return Encoded(
            hidden,
            stats,
            caches if cache is not None else None,
            jnp.concatenate(hidden_states) if with_hidden_states else None,
        )

    def logits(self, params: Params, hidden: jax.Array) -> jax.Array:
        """Maps final hidden states [..., d_model] to float32 logits [..., vocab]."""
        embedding = params["embed"]["embedding"]
        return _apply(self.unembed, params.get("unembed", {}), hidden, embedding)

    def apply(
        self,
        params: Params,
        batch: Batch,
        cache: Any = None,
        with_hidden_states: bool = False,
    ) -> Output:
        """Runs the whole model; arguments as in `encode`."""
        encoded = self.encode(params, batch, None, cache, with_hidden_states)
        return Output(self.logits(params, encoded.hidden), *encoded)

    def init_cache(self, batch_size: int, max_seq_len: int) -> Any:
        """Empty key-value caches for sequences of up to `max_seq_len` tokens."""
        layer = self.new_cache(batch_size, max_seq_len)

        def stack(segment: Segment) -> Any:
            return jax.tree.map(lambda x: jnp.stack([x] * segment.num_layers), layer)

        return {segment.name: stack(segment) for segment in self.segments}

    def _init(self, key: jax.Array) -> Params:
        """Parameters in their boxes of logical axes."""
        tokens, hidden = self._example()
        embed_key, norm_key, unembed_key, *segment_keys = (
            jax.random.fold_in(key, purpose) for purpose in range(3 + len(self.segments))
        )

        embed = self.embed.init(embed_key, tokens)["params"]
        params = {
            "embed": embed,
            "segments": {
                segment.name: self._init_segment(segment, segment_key)["params"]
                for segment, segment_key in zip(self.segments, segment_keys, strict=True)
            },
            "norm": self.norm.init(norm_key, hidden)["params"],
        }
        unembed = self.unembed.init(unembed_key, hidden, nn.meta.unbox(embed)["embedding"])
        if "params" in unembed:  # a tied output matrix has no parameters of its own
            params["unembed"] = unembed["params"]
        return params

    def _init_buffers(self) -> Buffers:
        """Buffers in their boxes of logical axes; their values depend on no key."""
        drawn = {s.name: self._init_segment(s, jax.random.key(0)) for s in self.segments}
        return {name: tree["buffers"] for name, tree in drawn.items() if "buffers" in tree}

    def _init_segment(self, segment: Segment, key: jax.Array) -> Mapping[str, Any]:
        """Stacked variables of a segment by collection."""
        tokens, hidden = self._example()

        def init_layer(number: jax.Array) -> Mapping[str, Any]:
            layer_key = jax.random.fold_in(key, number)
            return segment.block.init(layer_key, {"hidden": hidden}, Inputs(tokens))

        return jax.vmap(init_layer)(jnp.arange(segment.num_layers))

    def _example(self) -> tuple[jax.Array, jax.Array]:
        """Tokens and hidden states of the least shape."""
        return jnp.zeros((1, 2), jnp.int32), jnp.zeros(
            (1, 2, self.config.d_model), self.compute.dtype
        )


def with_buffers(params: Params, buffers: Buffers) -> Params:
    """One tree of what a model computes with; leaves out buffers that are empty."""
    return {**params, "buffers": buffers} if buffers else params


def _axes(boxed: Any, is_stacked: bool) -> Any:
    """Takes logical axes out of their boxes."""
    layers = ("layers",) if is_stacked else ()

    def is_box(x: Any) -> bool:
        return isinstance(x, nn.LogicallyPartitioned)

    return jax.tree.map(lambda box: (*layers, *box.names), boxed, is_leaf=is_box)


def _apply(module: nn.Module, params: Params, *arguments: jax.Array) -> Any:
    return module.apply({"params": params}, *arguments)


def run_block(
    block: nn.Module,
    params: Params,
    buffers: Buffers,
    state: Any,
    inputs: Inputs,
    key: jax.Array | None,
    cache: Any,
) -> tuple[Any, Stats, Any]:
    """Runs one layer.

    Args:
      block: The layer.
      params: Its parameters, without a layer dimension.
      buffers: Its buffers, perhaps none.
      state: Differentiable arrays that travel from layer to layer; `hidden` at least.
      inputs: Integers of the microbatch, the same for all layers.
      key: Random key of this layer and microbatch, or none.
      cache: This layer's cache, or none.

    Returns:
      The new state, the sown statistics, the new cache.
    """
    rngs = {} if key is None else {"dropout": key}
    variables = {"params": params, "buffers": buffers} if buffers else {"params": params}
    (state, cache), sown = block.apply(
        variables, state, inputs, cache, rngs=rngs, mutable=["stats"]
    )
    return state, sown.get("stats", {}), cache


def run_segment(
    segment: Segment,
    params: Params,
    buffers: Buffers,
    state: Any,
    inputs: Inputs,
    key: jax.Array | None,
    cache: Any,
    compute: Compute,
    with_hidden_states: bool,
) -> tuple[Any, Stats, Any, Any]:
    """Runs a segment's layers by one scan, or unrolled.

    Returns:
      State, statistics, caches and (on request) outputs; the last three by layer.
    """

    def layer(state: Any, xs: tuple[Params, Buffers, jax.Array, Any]) -> tuple[Any, tuple]:
        layer_params, layer_buffers, number, layer_cache = xs
        layer_key = None if key is None else jax.random.fold_in(key, number)
        state, stats, layer_cache = run_block(
            segment.block, layer_params, layer_buffers, state, inputs, layer_key, layer_cache
        )
        return state, (stats, layer_cache, state["hidden"] if with_hidden_states else None)

    layer = rematerialised(layer, compute.remat, compute.scan_layers)
    xs = (params, buffers, jnp.arange(segment.num_layers), cache)
    unroll = 1 if compute.scan_layers else segment.num_layers
    state, (stats, cache, hiddens) = jax.lax.scan(layer, state, xs, unroll=unroll)
    return state, stats, cache, hiddens


def rematerialised(layer: Callable, policy: RematPolicy, is_scanned: bool) -> Callable:
    """Wraps a layer so that the backward pass recomputes what the policy does not keep."""
    if policy == "none":
        return layer
    keep = {
        "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
        "full": jax.checkpoint_policies.nothing_saveable,
    }[policy]
    # The compiler could undo the recomputation by merging equal expressions, but not across a scan.
    return jax.checkpoint(layer, policy=keep, prevent_cse=not is_scanned)


def num_params(config: ModelConfig) -> int:
    """Number of parameters of a configuration, without allocating them."""
    shapes = config.build(reference()).abstract_params()
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


def architectures() -> dict[str, Any]:
    """Modules of all architectures by name: every file of this folder but `base`."""
    import jaxlm.models as package

    names = [m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "base"]
    return {name: importlib.import_module(f"jaxlm.models.{name}") for name in names}
