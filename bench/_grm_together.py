"""Several robots whose models share one engine and ask it all at once, as labelling would."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.engine import KV, Chunk, Engine, Seen

PATIENCE = 600.0  # for the others [s]


class Table:
    """Where the questions of all seats are put together."""

    def __init__(self, engine: Engine, seats: int) -> None:
        self.engine = engine
        self.seats = [Seat(self, number) for number in range(seats)]
        self.lock = threading.Lock()
        self._asked: list[tuple[Chunk, KV | None] | None] = [None] * seats
        self._told: list[tuple[Tensor, KV]] = []
        self._barrier = threading.Barrier(seats, self._answer)
        self._after = threading.Barrier(seats)

    def read(self, seat: int, chunk: Chunk, past: KV | None) -> tuple[Tensor, KV]:
        """Wait for the questions of all others, and give the answer to this one."""
        self._asked[seat] = chunk, past
        self._barrier.wait(PATIENCE)
        told = self._told[seat]
        self._after.wait(PATIENCE)
        return told

    def all(self, work: Callable[[int], object]) -> None:
        """Let every seat work, each in a thread of its own."""

        def attempt(number: int) -> None:
            try:
                work(number)
            except BaseException:
                self._barrier.abort()  # or the others would wait
                self._after.abort()
                raise

        with ThreadPoolExecutor(len(self.seats)) as pool:
            list(pool.map(attempt, range(len(self.seats))))

    def _answer(self) -> None:
        asked = [one for one in self._asked if one is not None]
        chunks, pasts = [chunk for chunk, _ in asked], [past for _, past in asked]
        sizes = [len(chunk.embeds) for chunk in chunks]
        logits, kept = self.engine.read(joined(chunks), cat_past(pasts))
        cut = [part.split(sizes) for part in kept]
        self._told = [
            (told, tuple(part[seat] for part in cut))
            for seat, told in enumerate(logits.split(sizes))
        ]


class Seat:
    """The engine (vlm/engine.py) of one robot."""

    def __init__(self, table: Table, number: int) -> None:
        engine = table.engine
        self.shape, self.answer_tokens = engine.shape, engine.answer_tokens
        self.device, self.dtype = engine.device, engine.dtype
        self._table, self._number = table, number

    def embed(self, ids: Tensor) -> Tensor:
        return self._table.engine.embed(ids)

    def see(self, pixels: Tensor) -> Seen:
        with self._table.lock:
            return self._table.engine.see(pixels)

    def read(self, chunk: Chunk, past: KV | None = None) -> tuple[Tensor, KV]:
        return self._table.read(self._number, chunk, past)


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Chunks of equal length as one batch."""
    features = [chunk.deepstack for chunk in chunks if chunk.deepstack is not None]
    return Chunk(
        torch.cat([chunk.embeds for chunk in chunks]),
        torch.cat([chunk.positions for chunk in chunks], 1),
        torch.cat([chunk.mask for chunk in chunks]),
        torch.cat(features, 1) if features else None,
    )


def cat_past(pasts: Sequence[KV | None]) -> KV | None:
    known = [past for past in pasts if past is not None]
    return tuple(torch.cat(each) for each in zip(*known, strict=True)) if known else None
