"""The Llama against another implementation's numbers, and against itself computed otherwise."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from configs import llama3_1b, llama3_8b
from jaxlm.generate import generate
from jaxlm.hf import load_model
from jaxlm.layers.compute import reference
from jaxlm.layers.cross_entropy import cross_entropy
from jaxlm.models.base import num_params
from jaxlm.models.llama import HF, config_from_hf
from tests.pico import PICO, packed_batch, params_of, pico, untied

GOLDEN = Path(__file__).parents[1] / "golden" / "llama3"


@pytest.fixture(scope="module")
def golden():
    model, params = load_model(GOLDEN)
    return model, params, load_file(GOLDEN / "io.safetensors")


def reference_loss(model, params, io):
    logits = model.apply(params, {"tokens": jnp.asarray(io["input_ids"], jnp.int32)}).logits
    targets = jnp.asarray(io["labels"][:, 1:], jnp.int32)
    weights = (targets != -100).astype(jnp.float32)
    losses = cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]),
        jnp.maximum(targets, 0).reshape(-1),
        weights.reshape(-1),
    )
    return losses.cross_entropy / weights.sum()


def reference_gradients(model, params, io):
    integers = {name: io[name] for name in ("input_ids", "labels")}
    return jax.jit(jax.value_and_grad(lambda p: reference_loss(model, p, integers)))(params)


@pytest.mark.parametrize("attention", ["plain", "blocked"])
def test_logits_and_hidden_states_equal_the_reference(golden, attention):
    _, params, io = golden
    model = load_model(GOLDEN, compute=reference()._replace(attention=attention))[0]
    tokens = jnp.asarray(io["input_ids"], jnp.int32)
    output = jax.jit(lambda p: model.apply(p, {"tokens": tokens}, with_hidden_states=True))(params)
    # The reference hides padded keys from padded queries too; nothing depends on those positions.
    real = io["attention_mask"].astype(bool)
    for layer in range(model.config.num_layers):
        hidden, expected = output.hidden_states[layer], io[f"hidden.{layer}"]
        np.testing.assert_allclose(hidden[real], expected[real], rtol=0, atol=1e-4)
    last = io[f"hidden.{model.config.num_layers}"]
    np.testing.assert_allclose(output.hidden[real], last[real], rtol=0, atol=1e-4)
    np.testing.assert_allclose(output.logits[real], io["logits"][real], rtol=0, atol=1e-4)


def test_loss_and_every_gradient_equal_the_reference(golden):
    model, params, io = golden
    loss, grads = reference_gradients(model, params, io)
    np.testing.assert_allclose(loss, io["loss"], atol=1e-5)
    compared = set()
    for path, grad in jax.tree_util.tree_leaves_with_path(grads):
        entry = HF.names[jax.tree_util.keystr(path, simple=True, separator=".")]
        for layer in range(grad.shape[0]) if "{layer}" in entry.name else [None]:
            name = f"grad.{entry.name.format(layer=layer)}"
            ours = grad if layer is None else grad[layer]
            if name in io:
                theirs = entry.to_ours(io[name], ours.shape)
                bound = 1e-4 * np.abs(theirs).max()
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound, err_msg=name)
                compared.add(name)
    assert compared == {name for name in io if name.startswith("grad.")}


def test_gradient_norm_of_every_tensor_equals_the_reference(golden):
    model, params, io = golden
    _, grads = reference_gradients(model, params, io)
    expected = json.loads((GOLDEN / "grad_norms.json").read_text())
    for path, grad in jax.tree_util.tree_leaves_with_path(grads):
        name = HF.names[jax.tree_util.keystr(path, simple=True, separator=".")].name
        for layer in range(grad.shape[0]) if "{layer}" in name else [None]:
            ours = np.linalg.norm(grad if layer is None else grad[layer])
            np.testing.assert_allclose(ours, expected.pop(name.format(layer=layer)), rtol=1e-4)
    assert not expected


@pytest.mark.parametrize("case", [0, 1])
def test_greedy_tokens_with_the_cache_equal_the_reference(golden, case):
    model, params, io = golden
    prompt = io[f"gen.{case}.input_ids"][0].tolist()
    tokens = generate(model, params, prompt, max_new_tokens=20, temperature=0.0)
    assert list(tokens) == io[f"gen.{case}.new_tokens"].tolist()


@pytest.mark.parametrize("name", ["config.json", "config_hub_style.json"])
def test_both_spellings_of_the_configuration_are_read(name):
    config = config_from_hf(json.loads((GOLDEN / name).read_text()))
    assert config.rope_theta == 10_000.0
    assert config.rope_scaling.original_max_seq_len == 128


@pytest.mark.parametrize(
    ("recipe", "published"), [(llama3_1b, 1_235_814_400), (llama3_8b, 8_030_261_248)]
)
def test_published_parameter_counts(recipe, published):
    assert num_params(recipe.get_config().model) == published


@pytest.mark.parametrize("change", [{"scan_layers": False}, {"remat": "dots"}, {"remat": "full"}])
def test_scan_and_rematerialisation_change_nothing(change):
    batch, params = packed_batch(), params_of(pico())

    def loss(params, model):
        return jnp.mean(jnp.square(model.apply(params, batch).logits))

    grad = jax.jit(jax.value_and_grad(loss), static_argnums=1)
    expected, grads = grad(params, pico())
    value, other = grad(params, pico(**change))
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), other, grads)


def test_no_gradient_reaches_later_positions_or_other_documents():
    """Causality and the borders of documents, by gradients with respect to the embedding."""
    model, batch = pico(), packed_batch(rows=1)
    params = params_of(model)
    segments, where = batch["segment_ids"][0], 7

    def logits_at(table):
        rows = {**batch, "tokens": jnp.arange(len(segments), dtype=jnp.int32)[None]}
        return model.apply({**params, "embed": {"embedding": table}}, rows).logits[0, where].sum()

    # One embedding row per position: its gradient is the influence of that position.
    grad = jax.jit(jax.grad(logits_at))(params["embed"]["embedding"])
    influence = jnp.abs(grad).sum(axis=1)
    seen = np.flatnonzero(influence[: len(segments)] > 0)
    same = np.flatnonzero((segments == segments[where]) & (np.arange(len(segments)) <= where))
    np.testing.assert_array_equal(seen, same)


def test_packed_documents_equal_documents_alone():
    model, batch = pico(), packed_batch(rows=1)
    params = params_of(model)
    apply = jax.jit(model.apply)
    packed = apply(params, batch).logits[0]
    for segment in (1, 2):
        mine = batch["segment_ids"][0] == segment
        alone = apply(params, {"tokens": batch["tokens"][:, mine]}).logits[0]
        np.testing.assert_allclose(packed[mine], alone, atol=1e-5)


@pytest.mark.parametrize("tie", [True, False])
def test_tying_shares_the_output_matrix(tie):
    params = untied(tie).build(reference()).abstract_params()
    assert ("unembed" in params) is not tie


def test_a_layer_is_drawn_alike_in_a_deeper_model():
    import dataclasses

    deeper = dataclasses.replace(PICO, num_layers=5).build(reference())
    shallow = params_of(pico(), 3)["segments"]["layers"]
    deep = params_of(deeper, 3)["segments"]["layers"]
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[:3]), shallow, deep)


def test_axes_name_every_dimension():
    model = pico()
    is_names = lambda x: isinstance(x, tuple)  # noqa: E731
    jax.tree.map(
        lambda names, leaf: np.testing.assert_equal(len(names), len(leaf.shape)),
        model.axes(),
        model.abstract_params(),
        is_leaf=is_names,
    )
