"""Any `tokenizer.json` as a `Tokenizer`, through the library `tokenizers`."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import SubwordSampling, Tokenizer

FILE_TYPE = "huggingface"
_BOS = ("<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>", "[BOS]", "[CLS]", "<|endoftext|>")
_EOS = ("</s>", "<|end_of_text|>", "<eos>", "<|endoftext|>", "[EOS]", "[SEP]", "<|im_end|>")
_PAD = ("<pad>", "[PAD]", "<|pad|>", "<|finetune_right_pad_id|>", "<|endoftext|>")


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Spellings of the tokens with a role; empty where there is none.

    Attributes:
      bos: Begins a document.
      eos: Ends a document.
      pad: Fills a row.
      unk: Stands for what the vocabulary cannot spell.
    """

    bos: str
    eos: str
    pad: str = ""
    unk: str = ""


class HuggingFaceTokenizer(Tokenizer):
    """A `tokenizer.json`, whatever its model; it adds no special tokens of its own."""

    def __init__(self, data: Mapping[str, Any], marks: Marks) -> None:
        """Builds the tokenizer.

        Args:
          data: The content of `tokenizer.json`.
          marks: Which tokens begin and end documents.

        Raises:
          UserError: `data` is not a tokenizer, or lacks the tokens of `marks`.
        """
        self.data, self.marks = _with_special_marks(data, marks), marks
        self._marked = _backend(self.data)
        self._hidden = hide_special_tokens(self.data)
        self._plain = _backend(self._hidden)
        self._plain.encode_special_tokens = True
        self.vocab_size = 1 + max(self._marked.get_vocab(with_added_tokens=True).values())
        self.bos_id = self._id("begin of document", marks.bos)
        self.eos_id = self._id("end of document", marks.eos)
        self.pad_id = self._id("padding", marks.pad) if marks.pad else self.eos_id
        self.unknown_id = self._id("unknown", marks.unk) if marks.unk else -1
        added = self._marked.get_added_tokens_decoder()
        self.special_tokens = {
            token.content: number for number, token in sorted(added.items()) if token.special
        }
        self.fingerprint = hashlib.sha256(self._file().encode()).hexdigest()
        self._check_hidden()

    def encode_batch(self, texts: Sequence[str], *, special: bool = False) -> list[np.ndarray]:
        backend = self._marked if special else self._plain
        found = backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(encoding.ids, np.int32) for encoding in found]

    def sample_batch(
        self, texts: Sequence[str], seeds: Sequence[int], sampling: SubwordSampling
    ) -> list[np.ndarray]:
        raise UserError(
            f"this {self.data['model'].get('type', 'unnamed')} tokenizer.json has one segmentation "
            "only: drawing needs byte-level BPE or a SentencePiece .model",
            ExitCode.UNUSABLE,
        )

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return self._marked.decode([int(token) for token in ids], skip_special_tokens=True)

    def piece(self, token: int) -> str:
        return self._marked.id_to_token(int(token)) or ""

    def token_bytes(self) -> np.ndarray:
        """UTF-8 bytes that each id adds after another one, int32 [vocab_size]."""
        return self._sizes

    @cached_property
    def _sizes(self) -> np.ndarray:
        # A first token may lose a space that it has in the middle of a text.
        special = {*self.special_tokens.values(), self.unknown_id}
        ordinary = sorted(set(range(self.vocab_size)) - special)
        first = ordinary[-1:]
        start = len(self.decode(first).encode())
        sizes = np.zeros(self.vocab_size, np.int32)
        byte_pieces = _byte_pieces(self.data)
        for token in ordinary:
            if _is_byte(self.piece(token)):
                sizes[token] = 1
            elif token in byte_pieces:
                sizes[token] = byte_pieces[token]
            else:
                sizes[token] = len(self.decode([*first, token]).encode()) - start
        return sizes

    def is_lossless(self) -> bool:
        """Whether text survives: no rule that changes it, and a probe of all else that does."""
        if not _keeps_characters(self.data.get("normalizer")):
            return False
        probe = " a  b\t\tc\r\n\n d\u2581e\u00a0\ufb01e\u0301 X \U0001f642\x00 it 's . "
        return self.decode(self.encode(probe)) == probe

    def save(self, path: str | Path) -> None:
        Path(path).write_text(self._file(), encoding="utf-8")

    def _check_hidden(self) -> None:
        """Refuses a tokenizer that makes a special token of its spelling in text."""
        marks = {self.bos_id, self.eos_id}
        # An unknown character may stand in any text, unless its token ends a document.
        forbidden = (marks | set(self.special_tokens.values())) - ({self.unknown_id} - marks)
        spellings = [f"{space}{token}" for token in self.special_tokens for space in ("", " ")]
        found = self._plain.encode_batch_fast(spellings, add_special_tokens=False)
        for spelling, encoding in zip(spellings, found, strict=True):
            if not forbidden.isdisjoint(encoding.ids):
                raise UserError(
                    f"the text {spelling!r} becomes a special token of this tokenizer.json, so "
                    "that any document could forge one; it cannot be used",
                    ExitCode.UNUSABLE,
                )

    def _file(self) -> str:
        content = {"type": FILE_TYPE, "version": 1, **asdict(self.marks), "tokenizer": self.data}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    def _id(self, role: str, token: str) -> int:
        found = self._marked.token_to_id(token)
        if found is None:
            raise UserError(
                f"the tokenizer has no token {token!r}, named as its {role}", ExitCode.UNUSABLE
            )
        return int(found)


def _with_special_marks(data: Mapping[str, Any], marks: Marks) -> dict[str, Any]:
    """The content with the marks as special tokens, whatever the file says of them."""
    names = {marks.bos, marks.eos, marks.pad, marks.unk} - {""}
    added = [
        {**token, "special": token["special"] or token["content"] in names}
        for token in data.get("added_tokens") or ()
    ]
    vocab = data["model"].get("vocab") or {}
    pieces = [piece for piece, _ in vocab] if isinstance(vocab, list) else vocab
    numbers = {p: n for n, p in enumerate(pieces)} if isinstance(vocab, list) else vocab
    missing = (names & set(pieces)) - {token["content"] for token in added}
    added += [added_token(name, numbers[name], special=True) for name in sorted(missing)]
    return {**data, "added_tokens": sorted(added, key=lambda token: token["id"])}


def _byte_pieces(data: Mapping[str, Any]) -> dict[int, int]:
    """Bytes of each piece of the vocabulary where a character stands for a byte."""
    decoder = data.get("decoder") or {}
    vocab = data["model"].get("vocab")
    kinds = {step.get("type") for step in decoder.get("decoders", [decoder])}
    if "ByteLevel" not in kinds or not isinstance(vocab, dict):
        return {}
    added = {token["content"] for token in data.get("added_tokens") or ()}
    return {token: len(piece) for piece, token in vocab.items() if piece not in added}


def find_marks(data: Mapping[str, Any], settings: Mapping[str, Any]) -> Marks:
    """Finds the tokens with a role.

    Args:
      data: The content of `tokenizer.json`.
      settings: The content of `tokenizer_config.json` or `special_tokens_map.json`; may be empty.

    Raises:
      UserError: Nothing says which token begins or ends a document.
    """
    known = _known_tokens(data)
    roles = {}
    for role, names in (("bos", _BOS), ("eos", _EOS), ("pad", _PAD)):
        given = _content(settings.get(f"{role}_token"))
        roles[role] = given or next((name for name in names if name in known), "")
    # Where one mark is known, documents are told apart by it alone, as GPT-2 does.
    bos, eos = roles["bos"] or roles["eos"], roles["eos"] or roles["bos"]
    if not bos:
        raise UserError(
            "nothing says which token begins or ends a document; give tokenizer_config.json "
            "beside tokenizer.json, with bos_token and eos_token",
            ExitCode.UNUSABLE,
        )
    return Marks(bos=bos, eos=eos, pad=roles["pad"], unk=_unknown(data))


def added_token(token: str, number: int, *, special: bool) -> dict[str, Any]:
    """A token as `added_tokens` of a tokenizer.json lists it."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": token, "special": special, **flags}


def _known_tokens(data: Mapping[str, Any]) -> set[str]:
    added = {token["content"] for token in data.get("added_tokens") or ()}
    vocab = data["model"].get("vocab") or {}
    return added | ({piece for piece, _ in vocab} if isinstance(vocab, list) else set(vocab))


def _unknown(data: Mapping[str, Any]) -> str:
    model = data["model"]
    if model.get("unk_token"):
        return str(model["unk_token"])
    if model.get("unk_id") is not None:
        return str(model["vocab"][model["unk_id"]][0])
    return ""


def _content(token: Any) -> str:
    """The spelling of a token, which files write as text or as an object."""
    return str(token.get("content", "") if isinstance(token, dict) else token or "")


def _backend(data: Mapping[str, Any]) -> tokenizers.Tokenizer:
    try:
        backend = tokenizers.Tokenizer.from_str(json.dumps(data))
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"not a tokenizer.json: {error}", ExitCode.UNUSABLE) from error
    backend.no_truncation()
    backend.no_padding()
    return backend


def merges_of(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The merges in their order; older files write a pair as one text with a space."""
    pairs = (m.split(" ") if isinstance(m, str) else m for m in data["model"]["merges"])
    return [(a, b) for a, b in pairs]


def hide_special_tokens(data: Mapping[str, Any]) -> dict[str, Any]:
    """A `tokenizer.json` with the same ids whose model cannot find a special token in text.

    The library can be told not to look for special tokens, but a model may have them as pieces. So
    they are renamed to what stands in no text that does not know this vocabulary's hash.
    """
    content = json.dumps(data["model"], sort_keys=True).encode()
    secret = f"\ue000{hashlib.sha256(content).hexdigest()}\ue000"
    model, added = data["model"], data.get("added_tokens") or []
    special = {token["content"] for token in added if token["special"]}

    def hidden(piece: str) -> str:
        return f"{secret}{piece}" if piece in special else piece

    vocab = model["vocab"]
    if isinstance(vocab, list):
        vocab = [[hidden(piece), score] for piece, score in vocab]
    else:
        vocab = {hidden(piece): token for piece, token in vocab.items()}
    hidden_model = {**model, "vocab": vocab}
    if model.get("unk_token"):
        hidden_model["unk_token"] = hidden(model["unk_token"])
    if "merges" in model:
        kept = ((a, b) for a, b in merges_of(data) if not {a, b, a + b} & special)
        hidden_model["merges"] = [list(pair) for pair in kept]
    return {
        **data,
        "model": hidden_model,
        "added_tokens": [{**token, "content": hidden(token["content"])} for token in added],
        "post_processor": None,
    }


def _keeps_characters(normaliser: Mapping[str, Any] | None) -> bool:
    """Whether a normaliser at most marks spaces, which decoding can undo."""
    if normaliser is None:
        return True
    match normaliser.get("type"):
        case "Sequence":
            return all(_keeps_characters(step) for step in normaliser["normalizers"])
        case "Replace":
            return normaliser["pattern"] == {"String": " "} and normaliser["content"] == "\u2581"
        case kind:
            return kind == "Prepend"


def _is_byte(piece: str) -> bool:
    return len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")
