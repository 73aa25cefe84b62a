"""Several robots whose models share one engine and decode in one batch, as for labelling."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from robo_dopamine_ros.grm.vlm.engine import KeyValues, TokenChunk, VisionFeatures, VlmEngine

TIMEOUT = 600.0  # for the other robots [s]


class BatchingServer:
    """Batches the queries of all its clients."""

    def __init__(self, engine: VlmEngine, clients: int) -> None:
        self.engine = engine
        self.clients = [BatchingClient(self, number) for number in range(clients)]
        self.lock = threading.Lock()
        self._queries: list[tuple[TokenChunk, KeyValues | None] | None] = [None] * clients
        self._results: list[tuple[Tensor, KeyValues]] = []
        self._barrier = threading.Barrier(clients, self._decode)
        self._after = threading.Barrier(clients)

    def decode(
        self, client: int, chunk: TokenChunk, past: KeyValues | None
    ) -> tuple[Tensor, KeyValues]:
        """Wait for the queries of all clients; returns the result of this one."""
        self._queries[client] = chunk, past
        self._barrier.wait(TIMEOUT)
        result = self._results[client]
        self._after.wait(TIMEOUT)
        return result

    def run_all(self, work: Callable[[int], object]) -> None:
        """Run `work` for every client, each in its own thread."""

        def attempt(number: int) -> None:
            try:
                work(number)
            except BaseException:
                self._barrier.abort()  # otherwise the others would wait
                self._after.abort()
                raise

        with ThreadPoolExecutor(len(self.clients)) as pool:
            list(pool.map(attempt, range(len(self.clients))))

    def _decode(self) -> None:
        queries = [one for one in self._queries if one is not None]
        chunks, pasts = [chunk for chunk, _ in queries], [past for _, past in queries]
        sizes = [len(chunk.embeds) for chunk in chunks]
        logits, kept = self.engine.decode(joined(chunks), cat_past(pasts))
        cut = [part.split(sizes) for part in kept]
        self._results = [
            (scores, tuple(part[client] for part in cut))
            for client, scores in enumerate(logits.split(sizes))
        ]


class BatchingClient:
    """The `VlmEngine` of one robot."""

    def __init__(self, server: BatchingServer, number: int) -> None:
        engine = server.engine
        self.shape, self.answer_tokens = engine.shape, engine.answer_tokens
        self.device, self.dtype = engine.device, engine.dtype
        self._server, self._number = server, number

    def embed(self, ids: Tensor) -> Tensor:
        return self._server.engine.embed(ids)

    def encode_images(self, pixels: Tensor) -> VisionFeatures:
        with self._server.lock:
            return self._server.engine.encode_images(pixels)

    def decode(self, chunk: TokenChunk, past: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        return self._server.decode(self._number, chunk, past)


def joined(chunks: Sequence[TokenChunk]) -> TokenChunk:
    """Chunks of equal length as one batch."""
    features = [chunk.deepstack for chunk in chunks if chunk.deepstack is not None]
    return TokenChunk(
        torch.cat([chunk.embeds for chunk in chunks]),
        torch.cat([chunk.positions for chunk in chunks], 1),
        torch.cat([chunk.mask for chunk in chunks]),
        torch.cat(features, 1) if features else None,
    )


def cat_past(pasts: Sequence[KeyValues | None]) -> KeyValues | None:
    known = [past for past in pasts if past is not None]
    return tuple(torch.cat(each) for each in zip(*known, strict=True)) if known else None
