import pytest

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers import SubwordSampling
from jaxlm.tokenizers.extension import extend

KINDS = ("bpe", "unigram", "char", "byte_level", "gpt2")
TEXT = "a <think> again<|end|> and"


@pytest.mark.parametrize("kind", KINDS)
def test_old_ids_stay_and_new_ones_follow(trained, passages: list[str], kind: str) -> None:
    tokenizer = trained(kind)
    extended = extend(tokenizer, ["<think>", "two words"], ["<|end|>"])
    size = tokenizer.vocab_size
    assert extended.vocab_size == size + 3
    assert [extended.piece(t) for t in range(size)] == [tokenizer.piece(t) for t in range(size)]
    assert extended.token_bytes().tolist() == [*tokenizer.token_bytes().tolist(), 7, 9, 0]
    assert extended.special_tokens == {**tokenizer.special_tokens, "<|end|>": size + 2}
    for text in passages[:3]:
        assert extended.encode(text) == tokenizer.encode(text)
    assert extended.fingerprint != tokenizer.fingerprint


@pytest.mark.parametrize("kind", KINDS)
def test_ordinary_tokens_are_always_found_special_ones_on_request(trained, kind: str) -> None:
    tokenizer = trained(kind)
    extended = extend(tokenizer, ["<think>"], ["<|end|>"])
    size = tokenizer.vocab_size
    plain, marked = extended.encode(TEXT), extended.encode(TEXT, special=True)
    assert size in plain
    assert size + 1 not in plain
    assert marked.count(size + 1) == 1
    assert extended.decode(plain) == TEXT
    assert extended.decode(marked) == TEXT.replace("<|end|>", "")


@pytest.mark.parametrize("kind", ["bpe", "unigram", "byte_level"])
def test_added_tokens_are_kept_whole_in_draws(trained, kind: str) -> None:
    extended = extend(trained(kind), ["<think>"], ["<|end|>"])
    for seed in range(20):
        (ids,) = extended.sample_batch([TEXT], [seed], SubwordSampling(alpha=0.2))
        assert extended.decode(ids) == TEXT
        assert extended.special_tokens["<|end|>"] not in ids
        if kind != "unigram":
            assert trained(kind).vocab_size in ids


def test_extension_twice_is_extension_once(trained) -> None:
    for kind in KINDS:
        twice = extend(extend(trained(kind), ["<a>"]), ["<b>"])
        assert twice.fingerprint == extend(trained(kind), ["<a>", "<b>"]).fingerprint


@pytest.mark.parametrize(
    ("ordinary", "special", "words"),
    [
        ([""], [], "is empty"),
        (["x y"], ["x y"], "'x y' is to be added twice"),
        ([], ["</s>"], "'</s>' is in the vocabulary already"),
    ],
)
def test_tokens_that_cannot_be_added(
    trained, ordinary: list[str], special: list[str], words: str
) -> None:
    for kind in KINDS:
        with pytest.raises(UserError, match=words) as error:
            extend(trained(kind), ordinary, special)
        assert error.value.exit_code == ExitCode.USAGE


def test_kinds_that_cannot_be_extended_say_so(trained) -> None:
    for kind in ("subword_nmt", "wordpiece"):
        with pytest.raises(UserError, match="cannot be extended"):
            extend(trained(kind), ["<a>"])
