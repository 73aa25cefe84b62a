"""Steps on their way to the recorder: none is forgotten before it is known to be kept. Pure."""

import math
from collections import deque
from itertools import islice

from robo_dopamine_ros.learning.steps import Step
from robo_dopamine_ros.types import Kept

SILENCE = 0.5  # of the recorder, or without a step kept, until steps are sent again [s]
WINDOW = 50  # steps on their way at once; the middleware holds more
BEHIND = 1  # steps that may be unkept while the policy acts


class Outbox:
    """Keeps the steps of one epoch until they are durable; `now` is steady time [s]."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._unkept: deque[Step] = deque()
        self._sent = 0  # of them, since the last beginning
        self._moved = -math.inf  # when steps were sent from the beginning or kept [s]
        self._heard = -math.inf  # when the recorder spoke last [s]
        self._reason = ''  # why it keeps nothing more

    def __len__(self) -> int:
        return len(self._unkept)

    def put(self, step: Step) -> None:
        """Take charge of a step; they come in the order of their numbers."""
        self._unkept.append(step)

    def hear(self, kept: Kept, now: float) -> None:
        """Hear how far the recorder has come; after a silence it may have lost what was sent."""
        if now - self._heard > SILENCE:
            self._sent = 0
        self._heard, self._reason = now, kept.reason
        unkept = self._unkept
        while unkept and kept.epoch == self._epoch and unkept[0].key.sequence <= kept.sequence:
            unkept.popleft()
            self._sent, self._moved = max(0, self._sent - 1), now

    def due(self, now: float) -> list[Step]:
        """Give the steps to send now, each once, but all again where none gets through."""
        if now - self._heard > SILENCE:
            return []
        if now - self._moved > SILENCE:
            self._sent = 0
        if self._sent == 0:
            self._moved = now
        due = list(islice(self._unkept, self._sent, WINDOW))
        self._sent += len(due)
        return due

    def hindrance(self, now: float) -> str:
        """Why the policy must not act; empty when it may."""
        if self._heard == -math.inf:
            return 'nothing heard of the recorder yet'
        if (age := now - self._heard) > SILENCE:
            return f'the recorder is silent for {age:.2f} s, longer than {SILENCE:.2f} s'
        if self._reason:
            return f'the recorder keeps nothing: {self._reason}'
        behind = len(self._unkept)
        return f'the recorder is {behind} steps behind' if behind > BEHIND else ''
