"""Draws a bounded and even sample of passages in one pass, the same one every time."""

import heapq
from dataclasses import dataclass, field

from jaxlm.data.split import unit_hash
from jaxlm.tokenizers.cut import cut_text

PASSAGE_CHARACTERS = 4096


@dataclass(order=True)
class _Passage:
    rank: float  # negative hash: the heap's smallest is the first to leave
    position: int
    num_bytes: int = field(compare=False)
    text: str = field(compare=False)


class PassageSample:
    """Keeps the passages of the lowest hashes until `num_bytes` are full.

    Every passage of the text has the same chance, whatever the documents' lengths, and memory
    stays near `num_bytes` however long the text is.
    """

    def __init__(self, num_bytes: int) -> None:
        self._capacity = num_bytes
        self._size = 0
        self._position = 0
        self._heap: list[_Passage] = []

    def add(self, document_id: str, text: str) -> None:
        """Offers a document's passages to the sample."""
        if self._capacity <= 0:
            return
        for index, passage in enumerate(cut_text(text, PASSAGE_CHARACTERS)):
            self._offer(-unit_hash(f"{document_id}#{index}"), passage)

    def passages(self) -> list[str]:
        """The sample in the order of the text."""
        return [passage.text for passage in sorted(self._heap, key=lambda p: p.position)]

    def _offer(self, rank: float, text: str) -> None:
        self._position += 1
        if self._size >= self._capacity and rank <= self._heap[0].rank:
            return
        passage = _Passage(rank, self._position, len(text.encode()), text)
        heapq.heappush(self._heap, passage)
        self._size += passage.num_bytes
        while self._size - self._heap[0].num_bytes >= self._capacity:
            self._size -= heapq.heappop(self._heap).num_bytes
