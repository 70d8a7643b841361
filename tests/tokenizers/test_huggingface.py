"""What a `tokenizer.json` says of its tokens, and what no text can do with them."""

import numpy as np
import pytest

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.byte_level import open_huggingface, train_byte_level
from jaxlm.tokenizers.export import as_json
from jaxlm.tokenizers.extension import extend
from jaxlm.tokenizers.huggingface import HuggingFaceTokenizer, Marks
from jaxlm.tokenizers.split_patterns import PATTERNS

MARKS = Marks(bos="<s>", eos="</s>")
PIECES = [["<unk>", 0.0], ["<s>", -9.0], ["</s>", -9.0], ["a", -1.0], [" ", -1.0], ["<s", -2.0]]
PIECES += [[character, -3.0] for character in "<>/s"]


def unigram(pre_tokenizer=None, added=()):
    """A model that has its marks as pieces; nothing in the file calls them special."""
    model = {"type": "Unigram", "unk_id": 0, "vocab": PIECES}
    return {
        "version": "1.0",
        "added_tokens": list(added),
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": None,
        "model": model,
    }


@pytest.mark.parametrize("pre_tokenizer", [None, {"type": "WhitespaceSplit"}])
@pytest.mark.parametrize("text", ["a<s>a", "a <s>a", "</s>", " </s>", "<s></s> <s>"])
def test_no_text_makes_a_mark(pre_tokenizer, text):
    tokenizer = HuggingFaceTokenizer(unigram(pre_tokenizer), MARKS)
    assert set(tokenizer.special_tokens) == {"<s>", "</s>"}
    assert not {tokenizer.bos_id, tokenizer.eos_id} & set(tokenizer.encode(text))
    assert tokenizer.bos_id in tokenizer.encode("a<s>", special=True)
    assert tokenizer.decode([tokenizer.bos_id, 3]) == "a"


@pytest.fixture(scope="module")
def byte_level():
    return train_byte_level(
        ["the river the stone le caf\u00e9 \u9f8d\u9f9c"] * 4, 300, PATTERNS["gpt4"]
    )


def test_marks_that_a_file_calls_ordinary_are_special(byte_level):
    data = dict(byte_level.data)
    data["added_tokens"] = [{**token, "special": False} for token in data["added_tokens"]]
    tokenizer = open_huggingface(data, byte_level.marks)
    assert tokenizer.eos_id not in tokenizer.encode("x</s>y")
    assert tokenizer.decode(tokenizer.encode("x</s>y")) == "x</s>y"


def test_text_survives_added_tokens_of_letters_that_stand_for_bytes(byte_level):
    tokenizer = extend(byte_level, ["caf\u00e9", "\u0142adny"])
    text = "le caf\u00e9 \u0142adny \U0001f642"
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.token_bytes()[ids].sum() == len(text.encode())


def test_a_byte_counts_as_one_whatever_normalises_the_text(byte_level):
    tokenizer = open_huggingface(
        {**byte_level.data, "normalizer": {"type": "NFC"}}, byte_level.marks
    )
    assert type(tokenizer) is HuggingFaceTokenizer
    text = "\u9f8d\u9f9c\u4f60 the river"
    sizes = tokenizer.token_bytes()
    assert sizes[tokenizer.encode(text)].sum() == len(text.encode())
    assert np.all(sizes[list(tokenizer.special_tokens.values())] == 0)


def words(unknown):
    """A model of whole words."""
    vocab = {"<s>": 0, "</s>": 1, "<unk>": 2, "a": 3, "<": 4, "unk": 5, ">": 6}
    model = {"type": "WordLevel", "vocab": vocab, "unk_token": unknown}
    return {**unigram({"type": "BertPreTokenizer"}), "model": model}


def test_the_spelling_of_the_unknown_token_is_text():
    tokenizer = HuggingFaceTokenizer(words("<unk>"), Marks(bos="<s>", eos="</s>", unk="<unk>"))
    assert tokenizer.unknown_id == 2
    assert tokenizer.encode("a <unk> b") == [3, 4, 5, 6, 2]
    assert tokenizer.decode([3, 2]) == "a"


def test_an_unknown_word_must_not_end_documents():
    with pytest.raises(UserError, match="'<s>' becomes a special token") as raised:
        HuggingFaceTokenizer(words("</s>"), Marks(bos="<s>", eos="</s>", unk="</s>"))
    assert raised.value.exit_code == ExitCode.UNUSABLE


def test_an_added_token_that_the_library_misreads_is_not_exported(byte_level):
    as_json(extend(byte_level, ["ab ", "<think>"]))
    with pytest.raises(UserError, match="letters of the added token 'caf\u00e9' for bytes"):
        as_json(extend(byte_level, ["caf\u00e9"]))


@pytest.mark.parametrize(
    ("normaliser", "kept"),
    [
        ({"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, True),
        # Nothing in the probe is a final sigma.
        ({"type": "Replace", "pattern": {"String": "\u03c2"}, "content": "\u03c3"}, False),
        ({"type": "Sequence", "normalizers": [{"type": "NFC"}]}, False),
    ],
)
def test_a_rule_that_changes_text_loses_some(normaliser, kept):
    probe = " a  b\t\tc\r\n\n d\u2581e\u00a0\ufb01e\u0301 X \U0001f642\x00 it 's . "
    characters = sorted(set(probe) - {"\u2581"} | {" "})
    pieces = [["<unk>", 0.0], ["<s>", 0.0], ["</s>", 0.0], *([c, -1.0] for c in characters)]
    pieces.append(["\u2581", -1.0])
    data = unigram() | {"normalizer": normaliser, "decoder": {"type": "Fuse"}}
    tokenizer = HuggingFaceTokenizer(data | {"model": data["model"] | {"vocab": pieces}}, MARKS)
    tokenizer.decode = lambda ids: probe  # so that only the rules decide
    assert tokenizer.is_lossless() == kept
