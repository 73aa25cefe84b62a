"""However steps, words and processes are lost: each step is kept once, and none is run ahead of."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.learning.outbox import BEHIND, SILENCE, WINDOW, Outbox
from robo_dopamine_ros.learning.steps import Frame, Key, Step
from robo_dopamine_ros.types import Kept, Mode

EPOCH = 9
PERIOD = 0.1  # of the policy [s]


def step(number: int) -> Step:
    begin, end = (
        Frame(1 + n, np.zeros(1, np.float16), np.zeros(1, np.float32)) for n in (number, number + 1)
    )
    return Step(Key('run', EPOCH, number), 'e', begin, end, Mode.POLICY, np.zeros(6), 0.0, 0.0)


@dataclass
class Recorder:
    """Takes steps in order, keeps them a moment later, and forgets what it had not kept."""

    disk: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    alive: bool = True

    def take(self, number: int) -> None:
        if self.alive and number == len(self.disk) + len(self.waiting):
            self.waiting.append(number)

    def commit(self) -> None:
        self.disk += self.waiting
        self.waiting.clear()

    def die(self) -> None:
        self.waiting.clear()
        self.alive = False

    def word(self) -> Kept:
        return Kept(0, EPOCH, self.disk[-1]) if self.disk else Kept(0)


class Days:
    """A policy, a recorder, and a line between them that may lose what it carries."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.outbox, self.recorder = rng, Outbox(EPOCH), Recorder()
        self.now, self.made, self.acted = 0.0, 0, 0

    def tick(self, loss: float, works: bool, makes: bool) -> None:
        rng, recorder = self.rng, self.recorder
        self.now += PERIOD
        if makes:
            self.outbox.put(step(self.made))
            self.made += 1
        for one in self.outbox.due(self.now):
            if rng.random() >= loss:
                recorder.take(one.key.sequence)
        if not self.outbox.hindrance(self.now):
            self.acted += 1
            assert self.made - len(recorder.disk) <= BEHIND
        if works:
            recorder.commit()
        if recorder.alive and rng.random() >= loss:
            self.outbox.hear(recorder.word(), self.now + PERIOD / 2)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_step_is_kept_once_and_the_policy_never_runs_ahead(seed):
    days = Days(np.random.default_rng(seed))
    for _ in range(days.rng.integers(1, 6)):
        loss = float(days.rng.choice([0.0, 0.3, 0.9]))
        kind = days.rng.integers(4)
        if kind == 0:
            days.recorder.die()
        elif kind == 1:
            days.recorder.die()
            days.recorder.alive = True  # started again before anybody noticed
        for _ in range(days.rng.integers(1, 30)):
            days.tick(loss, kind != 2, bool(days.rng.random() < 0.8))
        days.recorder.alive = True
    for _ in range(60):
        days.tick(0.0, True, False)
    assert days.recorder.disk == list(range(days.made))
    assert len(days.outbox) == 0
    assert not days.outbox.hindrance(days.now)


def test_while_all_goes_well_every_step_is_sent_once_and_the_policy_acts():
    days = Days(np.random.default_rng(0))
    days.outbox.hear(Kept(0), 0.0)
    sent = 0
    for _ in range(100):
        days.tick(0.0, True, True)
        sent += 1
    assert days.acted == sent == len(days.recorder.disk)


def test_a_recorder_that_never_spoke_gets_nothing():
    outbox = Outbox(EPOCH)
    outbox.put(step(0))
    assert outbox.due(0.0) == []
    assert outbox.hindrance(0.0) == 'nothing heard of the recorder yet'


def test_after_a_silence_all_is_sent_again():
    outbox = Outbox(EPOCH)
    outbox.hear(Kept(0), 0.0)
    for number in range(3):
        outbox.put(step(number))
    assert len(outbox.due(0.1)) == 3
    assert outbox.due(0.2) == []
    assert outbox.due(0.3 + SILENCE) == []
    outbox.hear(Kept(0, EPOCH, 0), 2.0)
    assert [one.key.sequence for one in outbox.due(2.1)] == [1, 2]


def test_without_a_step_kept_for_long_all_is_sent_again():
    outbox = Outbox(EPOCH)
    outbox.put(step(0))
    sent = 0
    for n in range(40):
        outbox.hear(Kept(0), n / 10)
        sent += len(outbox.due(n / 10))
    assert 5 <= sent <= 8


def test_no_more_is_on_its_way_than_the_middleware_holds():
    outbox = Outbox(EPOCH)
    for number in range(3 * WINDOW):
        outbox.put(step(number))
    outbox.hear(Kept(0), 0.0)
    assert len(outbox.due(0.0)) == WINDOW
    outbox.hear(Kept(0, EPOCH, 9), 0.1)
    assert [one.key.sequence for one in outbox.due(0.1)] == list(range(WINDOW, WINDOW + 10))


@pytest.mark.parametrize('epoch', [0, EPOCH - 1, EPOCH + 1])
def test_what_another_start_has_kept_says_nothing_of_this_one(epoch):
    outbox = Outbox(EPOCH)
    outbox.put(step(0))
    outbox.hear(Kept(0, epoch, 99), 0.0)
    assert len(outbox) == 1


def test_the_policy_is_told_why_it_must_hold():
    outbox = Outbox(EPOCH)
    outbox.hear(Kept(0), 0.0)
    outbox.put(step(0))
    assert outbox.hindrance(0.1) == ''
    outbox.put(step(1))
    assert outbox.hindrance(0.1) == 'the recorder is 2 steps behind'
    outbox.hear(Kept(0, EPOCH, 1, reason='no space left on device'), 0.2)
    assert outbox.hindrance(0.2) == 'the recorder keeps nothing: no space left on device'
    outbox.hear(Kept(0, EPOCH, 1), 0.3)
    assert outbox.hindrance(0.3) == ''
    assert outbox.hindrance(0.81) == 'the recorder is silent for 0.51 s, longer than 0.50 s'
