import base64
from pathlib import Path

import pytest

from jaxlm import tokenizers
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers import tiktoken_file
from jaxlm.tokenizers.config import ByteLevelConfig, SentencePieceConfig
from jaxlm.tokenizers.split_patterns import PATTERNS
from jaxlm.tokenizers.tiktoken_file import read_tiktoken

TOKENS = [*(bytes([b]) for b in range(256)), b"th", b" th", b" the", b"in", b"ing", b"\xc3\xa9"]
# No two tokens make up "xyz": only the whole word has it.
TOKENS += [b"xyz"]
TEXTS = ["the thing is in xyz xyzz", "", "é the\n\n  thé 123", "<|endoftext|>", "\u4f60 \U0001f642"]


def file_of(tokens: list[bytes]) -> bytes:
    lines = (base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens))
    return b"".join(lines)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_ids_are_those_of_tiktoken(pattern) -> None:
    tiktoken = pytest.importorskip("tiktoken")
    for tokens in (TOKENS, TOKENS[:-1]):
        ranks = {token: rank for rank, token in enumerate(tokens)}
        reference = tiktoken.Encoding(
            "reference", pat_str=PATTERNS[pattern], mergeable_ranks=ranks, special_tokens={}
        )
        tokenizer = read_tiktoken(file_of(tokens), pattern)
        for text in TEXTS:
            assert tokenizer.encode(text) == reference.encode(text, disallowed_special=())
            assert tokenizer.decode(tokenizer.encode(text)) == text


def test_ids_where_ranks_do_not_follow_merges() -> None:
    tiktoken = pytest.importorskip("tiktoken")
    # "abcd" goes before its parts, as in vocabularies that were put together
    tokens = [*TOKENS[:256], b"abcd", b"cd", b"ab", b"bc"]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    reference = tiktoken.Encoding(
        "reference", pat_str=PATTERNS["gpt4"], mergeable_ranks=ranks, special_tokens={}
    )
    tokenizer = read_tiktoken(file_of(tokens), "gpt4")
    for text in ("abcd", "xabcd", "abcabcd", "bcdab", "abccd", "ababcdcd"):
        assert tokenizer.encode(text) == reference.encode(text)


def test_special_tokens_follow_the_ranks() -> None:
    tokenizer = read_tiktoken(file_of(TOKENS), "llama3")
    assert tokenizer.special_tokens == {"<|endoftext|>": len(TOKENS)}
    assert tokenizer.eos_id == tokenizer.bos_id == len(TOKENS)
    assert tokenizer.encode("<|endoftext|>", special=True) == [len(TOKENS)]
    assert tokenizer.token_bytes().tolist() == [*map(len, TOKENS), 0]


@pytest.mark.slow
def test_a_published_vocabulary_is_known_by_its_size() -> None:
    three = [bytes([a, b, c]) for a in range(97, 117) for b in range(256) for c in range(256)]
    pairs = [bytes([a, b]) for a in range(256) for b in range(256)]
    tokens = [*TOKENS[:256], *pairs, *three]
    llama3 = read_tiktoken(file_of(tokens[:128_000]))
    assert llama3.vocab_size == 128_256
    assert (llama3.bos_id, llama3.eos_id) == (128_000, 128_001)
    assert llama3.special_tokens["<|eot_id|>"] == 128_009
    gpt4 = read_tiktoken(file_of(tokens[:100_256]))
    assert gpt4.encode("<|endofprompt|>", special=True) == [100_276]
    assert gpt4.eos_id == 100_257


def test_a_file_that_does_not_say_how_to_split_needs_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "mine.tiktoken"
    path.write_bytes(file_of(TOKENS))
    with pytest.raises(UserError, match=r"mine.tiktoken: .*263 tokens .*gpt2, gpt4") as error:
        tokenizers.load(path)
    assert error.value.exit_code == ExitCode.USAGE
    assert tokenizers.load(path, pattern="gpt2").vocab_size == len(TOKENS) + 1


def test_damaged_files_are_refused() -> None:
    with pytest.raises(UserError, match="line 264 is not base64 and a rank"):
        read_tiktoken(file_of(TOKENS) + b"@@@ 5\n", "gpt4")
    with pytest.raises(UserError, match="without all 256 bytes"):
        read_tiktoken(file_of(TOKENS[1:]), "gpt4")


def test_settings_split_an_unpublished_vocabulary_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.tiktoken"
    path.write_bytes(file_of(TOKENS))
    config = ByteLevelConfig(path=str(path), pattern="llama3")
    own = read_tiktoken(file_of(TOKENS), "llama3")
    assert config.load().fingerprint == own.fingerprint
    with pytest.raises(UserError, match="name the pattern"):
        SentencePieceConfig(path=str(path)).load()
    published = {len(TOKENS): ("gpt2", {"<|endoftext|>": len(TOKENS)})}
    monkeypatch.setattr(tiktoken_file, "_PUBLISHED", published)
    assert config.load().fingerprint != own.fingerprint
