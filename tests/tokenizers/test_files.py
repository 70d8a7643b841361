"""Files are recognised by what is in them, and special tokens in text stay text."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import tokenizers as library
from tokenizers import AddedToken, decoders, models, pre_tokenizers

from jaxlm import tokenizers
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.byte_level import ByteLevelTokenizer
from jaxlm.tokenizers.huggingface import HuggingFaceTokenizer
from jaxlm.tokenizers.sentencepiece import SentencePieceTokenizer

GOLDEN = Path(__file__).parents[1] / "golden"


def unigram() -> library.Tokenizer:
    """A unigram model that has its special tokens as pieces, and a token of the text."""
    vocab = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("\u2581", -2.0)]
    vocab += [(character, -3.0) for character in "abs/<>"]
    backend = library.Tokenizer(models.Unigram(vocab, 0, False))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    backend.decoder = decoders.Metaspace(prepend_scheme="never")
    backend.add_special_tokens(["<unk>", "<s>", "</s>"])
    backend.add_tokens([AddedToken("bab", normalized=False)])
    backend.add_special_tokens(["<end>"])
    return backend


def write_folder(folder: Path, backend: library.Tokenizer, **settings: object) -> Path:
    folder.mkdir()
    backend.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def test_a_folder_says_which_tokens_are_the_marks(tmp_path: Path) -> None:
    bos = {"content": "<s>", "lstrip": False}
    folder = write_folder(tmp_path / "a", unigram(), bos_token=bos, eos_token="<end>")
    tokenizer = tokenizers.load(folder)
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.unknown_id) == (1, 11, 0)
    assert tokenizer.pad_id == tokenizer.eos_id
    assert tokenizers.load(folder / "tokenizer.json").fingerprint == tokenizer.fingerprint
    (folder / "tokenizer_config.json").unlink()
    assert tokenizers.load(folder).eos_id == 2


def test_a_folder_that_names_a_token_it_lacks(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", unigram(), eos_token="<eot>")
    with pytest.raises(UserError, match="no token '<eot>', named as its end of document"):
        tokenizers.load(folder)


def test_no_text_becomes_a_special_token(tmp_path: Path) -> None:
    backend = unigram()
    tokenizer = tokenizers.load(write_folder(tmp_path / "a", backend))
    text = "a<s>b</s>bab<end>"
    # The library itself takes the spelling for the token, and so would its model.
    assert {1, 2, 11} <= set(backend.encode(text).ids)
    backend.encode_special_tokens = True
    assert {1, 2} <= set(backend.encode(text).ids)
    ids = tokenizer.encode(text)
    assert {1, 2, 11}.isdisjoint(ids)
    assert 10 in ids
    assert [tokenizer.piece(token) for token in ids[:4]] == ["a", "<", "s", ">"]
    assert tokenizer.encode(text, special=True) == [4, 1, 5, 2, 10, 11]
    assert tokenizer.decode([4, 1, 5, 2, 10, 11]) == "abbab"


def test_merges_do_not_make_a_special_token(tmp_path: Path) -> None:
    vocab = {c: n for n, c in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    vocab |= {"EN": 256, "END": 257, "ab": 258}
    merges = [("E", "N"), ("EN", "D"), ("a", "b")]
    backend = library.Tokenizer(models.BPE(vocab, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(["END"])
    tokenizer = tokenizers.load(write_folder(tmp_path / "a", backend, eos_token="END"))
    assert isinstance(tokenizer, ByteLevelTokenizer)
    assert tokenizer._fast is not None or find_spec("tiktoken") is None
    expected = [258, 256, vocab["D"]]
    assert tokenizer.encode("abEND") == expected
    tokenizer._fast = None
    assert tokenizer.encode("abEND") == expected
    drawn = tokenizer.sample_batch(["abEND"], [0], tokenizers.SubwordSampling(alpha=0.0))
    assert drawn[0].tolist() == expected
    assert tokenizer.encode("abEND", special=True) == [258, 257]


def test_bytes_of_pieces_with_marks_of_words(tmp_path: Path) -> None:
    tokenizer = tokenizers.load(write_folder(tmp_path / "a", unigram()))
    assert isinstance(tokenizer, HuggingFaceTokenizer)
    assert not isinstance(tokenizer, ByteLevelTokenizer)
    assert tokenizer.token_bytes().tolist() == [0, 0, 0, 1, *[1] * 6, 3, 0]
    with pytest.raises(UserError, match="one segmentation only"):
        tokenizer.sample_batch(["a"], [0], tokenizers.SubwordSampling())


def test_files_of_other_programs_are_recognised(tmp_path: Path) -> None:
    names = {
        "sentencepiece/bpe.model": SentencePieceTokenizer,
        "byte_level_bpe/tokenizer.json": ByteLevelTokenizer,
    }
    for name, kind in names.items():
        shutil.copy(GOLDEN / name, tmp_path / "unnamed")
        assert type(tokenizers.load(tmp_path / "unnamed")) is kind
    from jaxlm.tokenizers.wordpiece import WordPieceTokenizer

    assert type(tokenizers.load(GOLDEN / "wordpiece" / "vocab.txt")) is WordPieceTokenizer


def test_codes_of_subword_nmt_need_their_vocabulary(tmp_path: Path) -> None:
    from jaxlm.tokenizers.subword_nmt import SubwordNmtTokenizer

    shutil.copy(GOLDEN / "subword_nmt" / "codes.txt", tmp_path)
    with pytest.raises(UserError, match="need the vocabulary"):
        tokenizers.load(tmp_path / "codes.txt")
    (tmp_path / "vocab.txt").write_bytes(b"a 1\n\xff 1\n")
    with pytest.raises(UserError, match=r"vocab\.txt is not UTF-8 at byte 4") as raised:
        tokenizers.load(tmp_path / "codes.txt")
    assert raised.value.exit_code == ExitCode.UNUSABLE
    shutil.copy(GOLDEN / "subword_nmt" / "vocab.txt", tmp_path)
    assert type(tokenizers.load(tmp_path / "codes.txt")) is SubwordNmtTokenizer


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a tokenizer; expected a SentencePiece model"),
        (b"plain text\n", "not a tokenizer; expected a SentencePiece model"),
        (b"\xff\xfe", "not a tokenizer; expected a SentencePiece model"),
        (b"\nnot a model", "not a SentencePiece model"),
        (b"{", "not valid JSON"),
        (b'{"a": 1}', "JSON that is no tokenizer"),
        (b'{"model": {"vocab": {}, "type": "Unheard"}}', "not a tokenizer.json|nothing says"),
        (b'{"model": {"vocab": [1, 2]}}', "a damaged tokenizer.json"),
        (b'{"model": {"vocab": {}}, "added_tokens": [{}]}', "a damaged tokenizer.json"),
        (b'{"type": "huggingface", "version": 1}', "a damaged tokenizer file"),
        (
            b'{"type": "huggingface", "bos": "a", "eos": "a", "pad": "", "unk": "", '
            b'"tokenizer": {"model": null}}',
            "a damaged tokenizer file",
        ),
        (b'{"type": "wordpiece"}', "not a tokenizer of type 'wordpiece'"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"file: ({words})") as error:
        tokenizers.load(path)
    assert error.value.exit_code == ExitCode.UNUSABLE


def test_missing_files_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="absent: No such file") as error:
        tokenizers.load(tmp_path / "absent")
    assert error.value.exit_code == ExitCode.UNUSABLE
    with pytest.raises(UserError, match=r"has no tokenizer.json, tokenizer.model"):
        tokenizers.load(tmp_path)


def test_a_tokenizer_without_marks_is_refused(tmp_path: Path) -> None:
    backend = library.Tokenizer(models.WordLevel({"a": 0, "b": 1}, "a"))
    with pytest.raises(UserError, match="begins or ends a document") as error:
        tokenizers.load(write_folder(tmp_path / "a", backend))
    assert error.value.exit_code == ExitCode.UNUSABLE


def test_pieces_may_hold_what_unicode_calls_line_ends(tmp_path: Path) -> None:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a\u0085", "\u2028", "b"]
    (tmp_path / "vocab.txt").write_bytes("\n".join([*pieces, ""]).encode())
    assert tokenizers.load(tmp_path / "vocab.txt").piece(6) == "b"
