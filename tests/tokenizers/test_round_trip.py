"""What every tokenizer promises, whatever its kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm import tokenizers
from jaxlm.tokenizers.extension import extend

KINDS = ("bpe", "unigram", "char", "byte_level", "gpt2", "subword_nmt", "wordpiece")
TEXT = st.text(max_size=50) | st.text("ab \n\t\r\u2581\u0120</s>[CLS]@#0x'S\u00a0", max_size=50)


@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXT)
@settings(deadline=None, max_examples=60)
def test_any_text_survives_where_promised(trained, kind: str, text: str) -> None:
    tokenizer = trained(kind)
    ids = tokenizer.encode(text)
    assert all(0 <= token < tokenizer.vocab_size for token in ids)
    if tokenizer.is_lossless():
        assert tokenizer.decode(ids) == text
        assert tokenizer.token_bytes()[ids].sum() == len(text.encode())
    marks = {tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id}
    assert marks.isdisjoint(ids)


def test_the_promise_is_made_where_it_can_be_kept(trained) -> None:
    promised = {kind for kind in KINDS if trained(kind).is_lossless()}
    assert promised == {"bpe", "unigram", "char", "byte_level", "gpt2"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_tokenizer_is_the_same(trained, kind: str, tmp_path) -> None:
    tokenizer = trained(kind)
    tokenizer.save(tmp_path / "tokenizer")
    loaded = tokenizers.load(tmp_path / "tokenizer")
    assert type(loaded) is type(tokenizer)
    assert loaded.fingerprint == tokenizer.fingerprint
    assert loaded.special_tokens == tokenizer.special_tokens
    marks = ("vocab_size", "bos_id", "eos_id", "pad_id", "unknown_id")
    assert [getattr(loaded, m) for m in marks] == [getattr(tokenizer, m) for m in marks]
    text = "The quick é fox </s> again\n\n 你 12"
    assert loaded.encode(text) == tokenizer.encode(text)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "tokenizer").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_of_special_and_unknown_tokens_are_none(trained, kind: str) -> None:
    tokenizer = trained(kind)
    sizes = tokenizer.token_bytes()
    assert sizes.shape == (tokenizer.vocab_size,)
    assert np.issubdtype(sizes.dtype, np.integer)
    assert not sizes[sorted(tokenizer.special_tokens.values())].any()
    if tokenizer.unknown_id >= 0:
        assert sizes[tokenizer.unknown_id] == 0


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char", "byte_level", "gpt2"])
@given(text=TEXT)
@settings(deadline=None, max_examples=30)
def test_text_survives_added_tokens(trained, kind: str, text: str) -> None:
    extended = extend(trained(kind), ordinary=["ab ", "\r\n", "caf\u00e9"], special=["S@"])
    ids = extended.encode(text)
    assert extended.decode(ids) == text
    assert extended.token_bytes()[ids].sum() == len(text.encode())
    assert extended.decode(extended.encode(text, special=True)).count("S@") == 0
