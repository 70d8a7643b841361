from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm import tokenizers
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.config import TokenizerConfig
from jaxlm.tokenizers.sentencepiece import SentencePieceTokenizer
from jaxlm.tokenizers.training import check_fits, train_tokenizer

KINDS = ("bpe", "unigram", "char")
# Control names and byte names as plain text, so that a trainer could learn them.
PASSAGES = (
    [Path(tokenizers.__file__).with_name(f"{name}.py").read_text() for name in ("base", "training")]
    + ["</s> <s> <0x0A> <unk> <pad>\n"] * 50
    + ["été à Zürich, 你好\r\n"] * 20
)
AWKWARD = [
    "",
    "\t\t\tx\t",
    "\n" * 9,
    "  x   ",
    "a\r\nb\rc",
    "\x00a\x00",
    "\u2581a \u2581\u2581",
    "</s><s><pad><unk><0x0A>",
    "👩\u200d👩\u200d👧 e\u0301 ﬁ \ufeff \ufffd \U0010ffff",
    " " * 100 + "\u3000\u00a0\x85\u2028",
]


def train(**changes: object) -> SentencePieceTokenizer:
    config = TokenizerConfig(**({"vocab_size": 500} | changes))
    model = train_tokenizer(config, PASSAGES, max_pieces=5000, notify=lambda _: None)
    return SentencePieceTokenizer(model)


@cache
def trained(kind: str) -> SentencePieceTokenizer:
    return train(kind=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_text_survives(kind: str, text: str) -> None:
    assert trained(kind).decode(trained(kind).encode(text)) == text


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(max_size=60) | st.text("ab \n\t\r\u2581<s/>0x", max_size=60))
@settings(deadline=None, max_examples=100)
def test_any_text_survives_and_bytes_add_up(kind: str, text: str) -> None:
    tokenizer = trained(kind)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.token_bytes()[ids].sum() == len(text.encode())


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_control_symbols_in_text_stay_text(kind: str) -> None:
    tokenizer = trained(kind)
    controls = {tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id, tokenizer.unknown_id}
    assert len(controls) == 4
    assert controls.isdisjoint(tokenizer.encode("<s>a</s><pad><unk> </s>"))
    assert tokenizer.decode([tokenizer.bos_id, *tokenizer.encode("a"), tokenizer.eos_id]) == "a"
    assert not tokenizer.token_bytes()[sorted(controls)].any()


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_deterministic(kind: str) -> None:
    assert train(kind=kind).fingerprint == trained(kind).fingerprint


def test_other_settings_give_another_fingerprint() -> None:
    assert train(vocab_size=480).fingerprint != trained("bpe").fingerprint


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_texts_one_by_one(kind: str) -> None:
    tokenizer = trained(kind)
    batch = tokenizer.encode_batch(AWKWARD + PASSAGES[:2])
    assert all(ids.dtype == np.int32 for ids in batch)
    assert [ids.tolist() for ids in batch] == [tokenizer.encode(t) for t in AWKWARD + PASSAGES[:2]]


@pytest.mark.parametrize("kind", KINDS)
def test_long_text_has_the_ids_of_the_uncut_text(kind: str) -> None:
    text = "\n\n".join(PASSAGES[:2] * 30)
    assert len(text) > 3 * (1 << 16)
    processor = sentencepiece.SentencePieceProcessor(model_proto=trained(kind)._model)
    assert trained(kind).encode(text) == processor.encode(text)


def test_a_long_line_without_spaces_survives() -> None:
    text = "xyz漢" * 50_000
    assert trained("bpe").decode(trained("bpe").encode(text)) == text


def test_save_and_load(tmp_path: Path) -> None:
    trained("bpe").save(tmp_path / "tokenizer.model")
    loaded = tokenizers.load(tmp_path / "tokenizer.model")
    assert loaded.fingerprint == trained("bpe").fingerprint
    assert loaded.vocab_size == 500


def test_spaces_and_white_space_runs_have_pieces() -> None:
    for run in ("\n", "\n\n", "\t\t", "    "):
        assert len(trained("bpe").encode(run)) == 1


def test_too_little_text_gives_fewer_pieces_and_says_so() -> None:
    said: list[str] = []
    config = TokenizerConfig(vocab_size=4096)
    model = train_tokenizer(config, ["ab ab abc"], max_pieces=4096, notify=said.append)
    tokenizer = SentencePieceTokenizer(model)
    assert tokenizer.vocab_size < 300
    assert f"only {tokenizer.vocab_size:,} pieces" in said[0]
    assert "4,096" in said[0]
    assert tokenizer.decode(tokenizer.encode("abc 漢")) == "abc 漢"


def test_a_vocabulary_too_small_for_the_characters_is_refused() -> None:
    with pytest.raises(UserError, match=r"tokenizer.vocab_size=265 cannot hold .* more than \d+"):
        train(vocab_size=265)


def test_pieces_that_the_model_does_not_embed_are_refused() -> None:
    check_fits(100, 100)
    with pytest.raises(UserError, match=r"4,096 pieces.*only 512.*tokenizer.vocab_size=512"):
        check_fits(4096, 512)


def test_more_characters_than_the_model_embeds_are_refused() -> None:
    config = TokenizerConfig(kind="char", vocab_size=5000, byte_fallback=False)
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 200)))
    # 200 characters, the space, 4 control symbols, line feed and tab
    train_tokenizer(config, [text], max_pieces=207, notify=lambda _: None)
    with pytest.raises(UserError, match=r"201 characters.*model.vocab_size=206") as error:
        train_tokenizer(config, [text], max_pieces=206, notify=lambda _: None)
    assert error.value.exit_code == ExitCode.USAGE


def test_char_keeps_the_most_frequent_characters_and_says_so() -> None:
    said: list[str] = []
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 200))) + "ab" * 100
    config = TokenizerConfig(kind="char", vocab_size=300)
    model = train_tokenizer(config, [text], max_pieces=1000, notify=said.append)
    tokenizer = SentencePieceTokenizer(model)
    assert tokenizer.vocab_size == 300
    assert "rarest become bytes" in said[0]
    assert len(tokenizer.encode("ab")) == 2
    assert tokenizer.decode(tokenizer.encode(text)) == text
    with pytest.raises(UserError, match="byte_fallback=true"):
        no_bytes = TokenizerConfig(kind="char", vocab_size=100, byte_fallback=False)
        train_tokenizer(no_bytes, [text], max_pieces=1000, notify=said.append)


def test_white_space_alone_is_refused() -> None:
    with pytest.raises(UserError, match="only white space"):
        train_tokenizer(TokenizerConfig(), ["\n\t"], max_pieces=5000, notify=print)


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.model"
    with pytest.raises(UserError, match=r"other\.model: No such file"):
        tokenizers.load(path)
    path.write_bytes(b"no model at all")
    with pytest.raises(UserError, match=r"other\.model: not a SentencePiece model"):
        tokenizers.load(path)


def test_a_foreign_model_with_a_prefix_is_not_cut(tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(PASSAGES[0].splitlines()),
        model_prefix=str(tmp_path / "foreign"),
        vocab_size=200,
        hard_vocab_limit=False,
        minloglevel=3,
    )
    foreign = SentencePieceTokenizer.load(tmp_path / "foreign.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "foreign.model"))
    text = PASSAGES[0] * 40
    assert foreign.encode(text) == processor.encode(text)
    assert not foreign.is_lossless()
    assert trained("bpe").is_lossless()
    assert foreign.pad_id == foreign.eos_id


def test_training_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    train(vocab_size=400)
    assert capfd.readouterr() == ("", "")
