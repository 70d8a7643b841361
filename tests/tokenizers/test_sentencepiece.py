import json
import re
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm import tokenizers
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers import SubwordSampling
from jaxlm.tokenizers.config import SentencePieceConfig
from jaxlm.tokenizers.sentencepiece import SentencePieceTokenizer
from jaxlm.tokenizers.sentencepiece_training import train_sentencepiece

KINDS = ("bpe", "unigram", "char")
SEEDS = st.integers(0, 2**63 - 1)
# Control names and byte names as plain text, so that a trainer could learn them.
PASSAGES = (
    [
        Path(tokenizers.__file__).with_name(f"{name}.py").read_text()
        for name in ("base", "sentencepiece_training")
    ]
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
    config = SentencePieceConfig(**({"vocab_size": 500} | changes))
    model = train_sentencepiece(config, PASSAGES, max_pieces=5000, notify=lambda _: None)
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
    processor = sentencepiece.SentencePieceProcessor(model_proto=trained(kind).model)
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
    config = SentencePieceConfig(vocab_size=4096)
    model = train_sentencepiece(config, ["ab ab abc"], max_pieces=4096, notify=said.append)
    tokenizer = SentencePieceTokenizer(model)
    assert tokenizer.vocab_size < 300
    assert f"only {tokenizer.vocab_size:,} pieces" in said[0]
    assert "4,096" in said[0]
    assert tokenizer.decode(tokenizer.encode("abc 漢")) == "abc 漢"


def test_a_vocabulary_too_small_for_the_characters_is_refused() -> None:
    with pytest.raises(UserError, match=r"tokenizer.vocab_size=265 cannot hold .* more than \d+"):
        train(vocab_size=265)


def test_more_characters_than_the_model_embeds_are_refused() -> None:
    config = SentencePieceConfig(kind="char", vocab_size=5000, byte_fallback=False)
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 200)))
    # 200 characters, the space, 4 control symbols, line feed and tab
    train_sentencepiece(config, [text], max_pieces=207, notify=lambda _: None)
    with pytest.raises(UserError, match=r"201 characters.*model.vocab_size=206") as error:
        train_sentencepiece(config, [text], max_pieces=206, notify=lambda _: None)
    assert error.value.exit_code == ExitCode.USAGE


def test_char_keeps_the_most_frequent_characters_and_says_so() -> None:
    said: list[str] = []
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 200))) + "ab" * 100
    config = SentencePieceConfig(kind="char", vocab_size=300)
    model = train_sentencepiece(config, [text], max_pieces=1000, notify=said.append)
    tokenizer = SentencePieceTokenizer(model)
    assert tokenizer.vocab_size == 300
    assert "rarest become bytes" in said[0]
    assert len(tokenizer.encode("ab")) == 2
    assert tokenizer.decode(tokenizer.encode(text)) == text
    with pytest.raises(UserError, match="byte_fallback=true"):
        no_bytes = SentencePieceConfig(kind="char", vocab_size=100, byte_fallback=False)
        train_sentencepiece(no_bytes, [text], max_pieces=1000, notify=said.append)


def test_white_space_alone_is_refused() -> None:
    with pytest.raises(UserError, match="only white space"):
        train_sentencepiece(SentencePieceConfig(), ["\n\t"], max_pieces=5000, notify=print)


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.model"
    with pytest.raises(UserError, match=r"other\.model: No such file"):
        tokenizers.load(path)
    path.write_bytes(b"no model at all")
    with pytest.raises(
        UserError, match=r"other\.model: not a tokenizer; expected a SentencePiece model"
    ):
        tokenizers.load(path)


def test_a_foreign_model_with_a_prefix_is_not_cut(tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(PASSAGES[0].splitlines()),
        model_prefix=str(tmp_path / "foreign"),
        vocab_size=200,
        hard_vocab_limit=False,
        minloglevel=3,
    )
    foreign = SentencePieceTokenizer((tmp_path / "foreign.model").read_bytes())
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "foreign.model"))
    text = PASSAGES[0] * 40
    assert foreign.encode(text) == processor.encode(text)
    assert not foreign.is_lossless()
    assert trained("bpe").is_lossless()
    assert foreign.pad_id == foreign.eos_id


def test_a_rule_that_no_probe_meets_loses_text(tmp_path: Path) -> None:
    (tmp_path / "rules.tsv").write_text("3C2\t3C3\n")  # final sigma
    settings = {"vocab_size": 400, "byte_fallback": True, "hard_vocab_limit": False}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(PASSAGES[0].splitlines()),
        model_prefix=str(tmp_path / "sigma"),
        normalization_rule_tsv=str(tmp_path / "rules.tsv"),
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        minloglevel=3,
        **settings,
    )
    tokenizer = SentencePieceTokenizer((tmp_path / "sigma.model").read_bytes())
    assert tokenizer.decode(tokenizer.encode("\u03c2")) == "\u03c3"
    probe = " a  b\t\tc\r\n\n d\u2581e\u00a0\ufb01e\u0301 \U0001f642\x00 "
    assert tokenizer.decode(tokenizer.encode(probe)) == probe
    assert not tokenizer.is_lossless()


def test_training_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    train(vocab_size=400)
    assert capfd.readouterr() == ("", "")


GOLDEN = Path(__file__).parents[1] / "golden" / "sentencepiece"
SAMPLING = json.loads((GOLDEN / "unigram_sampling.json").read_text(encoding="utf-8"))


def golden(kind: str) -> SentencePieceTokenizer:
    return SentencePieceTokenizer((GOLDEN / f"{kind}.model").read_bytes())


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_ids_pieces_and_text_of_the_golden_files(kind: str) -> None:
    tokenizer = golden(kind)
    examples = json.loads((GOLDEN / f"{kind}_encodings.json").read_text(encoding="utf-8"))
    for example in examples:
        assert tokenizer.encode(example["text"]) == example["ids"]
        # SentencePiece itself shows a mark for an unknown character. Where that stands first, the
        # next space begins the text, which this model takes for its own.
        text = example["decoded"]
        expected = text.replace(" \u2047 ", "").lstrip(" ") if "\u2047" in text else text
        assert tokenizer.decode(example["ids"]) == expected
        known = [t for t in example["ids"] if t != tokenizer.unknown_id]
        shown = [p for p, t in zip(example["pieces"], example["ids"], strict=True) if t in known]
        assert [tokenizer.piece(token) for token in known] == shown


@pytest.mark.parametrize("setting", SAMPLING["distributions"])
def test_unigram_draws_have_the_exact_distribution(setting: str) -> None:
    alpha, nbest = (part.partition("=")[2] for part in setting.split())
    sampling = SubwordSampling(alpha=float(alpha), nbest=int(nbest))
    exact = SAMPLING["distributions"][setting]["exact"]
    tokenizer, draws = golden("unigram"), 20_000
    found = tokenizer.sample_batch([SAMPLING["word"]] * draws, range(draws), sampling)
    counts = Counter(tuple(ids.tolist()) for ids in found)
    share = {" ".join(map(tokenizer.piece, ids)): n / draws for ids, n in counts.items()}
    assert share.keys() <= exact.keys()
    assert sum(abs(share.get(pieces, 0) - p) for pieces, p in exact.items()) / 2 < 0.02


def test_unigram_draws_of_a_sentence_are_as_long_as_the_reference_draws() -> None:
    golden_draws = json.loads((GOLDEN / "unigram_sampling_sentence.json").read_text("utf-8"))
    histogram = {int(size): n for size, n in golden_draws["piece_count_histogram"].items()}
    expected = np.repeat(list(histogram), list(histogram.values()))
    sampling = SubwordSampling(alpha=golden_draws["alpha"], nbest=golden_draws["nbest_size"])
    draws = 4_000
    sentence = [golden_draws["sentence"]] * draws
    sizes = np.array([*map(len, golden("unigram").sample_batch(sentence, range(draws), sampling))])
    assert abs(sizes.mean() - expected.mean()) < 4 * expected.std() / draws**0.5
    assert sizes.std() == pytest.approx(expected.std(), rel=0.05)


def test_draws_of_the_n_best_are_the_n_best() -> None:
    best = json.loads((GOLDEN / "unigram_nbest.json").read_text(encoding="utf-8"))
    wanted = {tuple(entry["pieces"]) for entry in best["nbest"][:5]}
    tokenizer = golden("unigram")
    sampling = SubwordSampling(alpha=0.0, nbest=5)
    found = tokenizer.sample_batch([best["word"]] * 200, range(200), sampling)
    assert {tuple(map(tokenizer.piece, ids)) for ids in found} == wanted
    sampling = SubwordSampling(nbest=1)
    (only,) = tokenizer.sample_batch([best["word"]], [0], sampling)
    assert only.tolist() == tokenizer.encode(best["word"])


ANY_SAMPLING = [
    SubwordSampling(alpha=0.1),
    SubwordSampling(alpha=0.5, nbest=8),
    SubwordSampling(alpha=1.0),
]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize("sampling", ANY_SAMPLING)
@given(text=st.text(max_size=60) | st.text("ab \n\t\r\u2581<s/>0x", max_size=60), seed=SEEDS)
@settings(deadline=None, max_examples=40)
def test_drawn_text_survives(kind: str, sampling: SubwordSampling, text: str, seed: int) -> None:
    tokenizer = trained(kind)
    ids, again = (tokenizer.sample_batch([text], [seed], sampling)[0].tolist() for _ in range(2))
    assert ids == again
    assert tokenizer.decode(ids) == text
    assert not set(ids) & set(tokenizer.special_tokens.values())


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_draws_do_not_depend_on_neighbours_or_threads(kind: str) -> None:
    tokenizer, seeds = trained(kind), [0, 1, 2**32 - 1, 2**32, 2**63 - 1] * 40
    texts = [PASSAGES[0][start : start + 200] for start in range(200)]
    sampling = SubwordSampling(alpha=0.2)
    alone = [
        tokenizer.sample_batch([t], [s], sampling)[0] for t, s in zip(texts, seeds, strict=True)
    ]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            tasks = [pool.submit(tokenizer.sample_batch, texts, seeds, sampling) for _ in range(4)]
            together = [task.result() for task in tasks]
    finally:
        sys.setswitchinterval(switch)
    for found in together:
        assert all(np.array_equal(a, b) for a, b in zip(alone, found, strict=True))
    other = tokenizer.sample_batch(texts, [seed ^ 7 for seed in seeds], sampling)
    assert sum(np.array_equal(a, b) for a, b in zip(alone, other, strict=True)) < 20


def test_bpe_dropout_between_its_extremes() -> None:
    tokenizer, text = trained("bpe"), PASSAGES[1]
    sizes = [
        len(tokenizer.sample_batch([text], [3], SubwordSampling(alpha=alpha))[0])
        for alpha in (0.0, 0.1, 0.5, 1.0)
    ]
    assert sizes == sorted(sizes)
    few = SubwordSampling(alpha=0.5, nbest=1)
    assert len(tokenizer.sample_batch([text], [3], few)[0]) == sizes[2]
    assert sizes[0] == len(tokenizer.encode(text))
    assert sizes[-1] > 0.9 * len(re.sub(r"\n+|\t+", "x", text))


def test_long_text_is_drawn_whole() -> None:
    text = "\n\n".join(PASSAGES[:2] * 10)
    for sampling in ANY_SAMPLING:
        for kind in ("bpe", "unigram"):
            (ids,) = trained(kind).sample_batch([text], [1], sampling)
            assert trained(kind).decode(ids) == text


def test_characters_cannot_be_drawn() -> None:
    with pytest.raises(UserError, match="one segmentation only"):
        trained("char").sample_batch(["abc"], [0], SubwordSampling())


def test_special_tokens_are_found_on_request() -> None:
    tokenizer = trained("bpe")
    ids = tokenizer.encode("a</s>b<s>", special=True)
    a, b = tokenizer.encode("a"), tokenizer.encode("b")
    assert ids == [*a, tokenizer.eos_id, *b, tokenizer.bos_id]
    assert tokenizer.special_tokens == {"<unk>": 0, "<s>": 1, "</s>": 2, "<pad>": 3}


def test_the_unknown_piece_decodes_to_nothing() -> None:
    tokenizer = golden("unigram")
    ids = tokenizer.encode("a b")
    assert tokenizer.decode([*ids, tokenizer.unknown_id, *ids]) == tokenizer.decode([*ids, *ids])
