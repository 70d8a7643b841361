"""Sampling: a pure function of seed and position, within the model's limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlm.errors import ExitCode, UserError
from jaxlm.generate import generate, main, sample
from tests.pico import params_of, pico


@pytest.fixture(scope="module")
def model():
    return pico(), params_of(pico())


def draw(model, count, **changes):
    options = {"temperature": 1.0, "seed": 3} | changes
    return list(generate(*model, [1, 2, 3], max_new_tokens=count, **options))


def test_a_sample_does_not_depend_on_its_length(model):
    assert draw(model, 12)[:5] == draw(model, 5)


def test_the_seed_decides(model):
    assert draw(model, 12) == draw(model, 12)
    assert draw(model, 12) != draw(model, 12, seed=4)


def test_greedy_takes_the_most_likely_token_of_the_whole_sequence(model):
    tokens = [1, 2, 3, *draw(model, 6, temperature=0.0)]
    apply = jax.jit(model[0].apply)
    logits = apply(model[1], {"tokens": jnp.asarray([tokens])}).logits[0]
    np.testing.assert_array_equal(np.argmax(logits, axis=-1)[2:-1], tokens[3:])


def test_the_stop_token_ends_and_is_not_given(model):
    tokens = draw(model, 12)
    stop = tokens[4]
    assert draw(model, 12, stop_id=stop) == tokens[: tokens.index(stop)]


@pytest.mark.parametrize(
    "wrong",
    [{"max_new_tokens": 62}, {"max_new_tokens": 0}, {"temperature": -1.0}, {"prompt": []}],
)
def test_what_cannot_be_drawn_is_refused(model, wrong):
    options = {"prompt": [1, 2, 3], "max_new_tokens": 4, "temperature": 1.0} | wrong
    with pytest.raises(UserError):
        list(generate(*model, options.pop("prompt"), **options))


def test_temperature_flattens_the_distribution():
    logits = jnp.log(jnp.asarray([[0.7, 0.2, 0.1]]))

    def share_of_first(temperature):
        keys = jax.random.split(jax.random.key(0), 4000)
        drawn = jax.vmap(lambda key: sample(logits, temperature, key, jnp.int32(0)))(keys)
        return float(jnp.mean(drawn == 0))

    assert abs(share_of_first(1.0) - 0.7) < 0.03
    # p ** (1 / T), normalised: sqrt(0.7, 0.2, 0.1) -> 0.524
    assert abs(share_of_first(2.0) - 0.524) < 0.03


def test_a_prompt_that_is_no_text_is_a_usage_error(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["generate", "run", "--prompt", "\udcff"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == ExitCode.USAGE
    assert "--prompt is not valid UTF-8" in capsys.readouterr().err
