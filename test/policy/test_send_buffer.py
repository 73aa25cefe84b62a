"""Steps are stored once each, in order, whatever steps, statuses and processes are lost."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.experience.types import Observation, Step, StepId
from robo_dopamine_ros.policy.loop import (
    MAX_IN_FLIGHT,
    MAX_UNACKNOWLEDGED,
    STATUS_TIMEOUT,
    SendBuffer,
)
from robo_dopamine_ros.types import Mode, RecorderStatus

EPOCH = 9
PERIOD = 0.1  # of the policy [s]


def step(number: int) -> Step:
    begin, end = (
        Observation(1 + n, np.zeros(1, np.float16), np.zeros(1, np.float32))
        for n in (number, number + 1)
    )
    return Step(StepId('run', EPOCH, number), 'e', begin, end, Mode.POLICY, np.zeros(6), 0.0, 0.0)


@dataclass
class FakeRecorder:
    """Takes steps in order, keeps them a moment later, and forgets what it had not kept."""

    disk: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    alive: bool = True

    def receive(self, number: int) -> None:
        if self.alive and number == len(self.disk) + len(self.waiting):
            self.waiting.append(number)

    def commit(self) -> None:
        self.disk += self.waiting
        self.waiting.clear()

    def die(self) -> None:
        self.waiting.clear()
        self.alive = False

    def status(self) -> RecorderStatus:
        return RecorderStatus(0, EPOCH, self.disk[-1]) if self.disk else RecorderStatus(0)


class LossyLink:
    """A policy, a recorder, and a line between them that may lose what it carries."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.buffer, self.recorder = rng, SendBuffer(EPOCH), FakeRecorder()
        self.now, self.made, self.acted = 0.0, 0, 0

    def tick(self, loss: float, works: bool, makes: bool) -> None:
        rng, recorder = self.rng, self.recorder
        self.now += PERIOD
        if makes:
            self.buffer.add(step(self.made))
            self.made += 1
        for one in self.buffer.steps_to_send(self.now):
            if rng.random() >= loss:
                recorder.receive(one.id.sequence)
        if not self.buffer.blocking_reason(self.now):
            self.acted += 1
            assert self.made - len(recorder.disk) <= MAX_UNACKNOWLEDGED
        if works:
            recorder.commit()
        if recorder.alive and rng.random() >= loss:
            self.buffer.on_status(recorder.status(), self.now + PERIOD / 2)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_step_is_kept_once_and_the_policy_never_runs_ahead(seed):
    link = LossyLink(np.random.default_rng(seed))
    for _ in range(link.rng.integers(1, 6)):
        loss = float(link.rng.choice([0.0, 0.3, 0.9]))
        kind = link.rng.integers(4)
        if kind == 0:
            link.recorder.die()
        elif kind == 1:
            link.recorder.die()
            link.recorder.alive = True  # started again before anybody noticed
        for _ in range(link.rng.integers(1, 30)):
            link.tick(loss, kind != 2, bool(link.rng.random() < 0.8))
        link.recorder.alive = True
    for _ in range(60):
        link.tick(0.0, True, False)
    assert link.recorder.disk == list(range(link.made))
    assert len(link.buffer) == 0
    assert not link.buffer.blocking_reason(link.now)


def test_while_all_goes_well_every_step_is_sent_once_and_the_policy_acts():
    link = LossyLink(np.random.default_rng(0))
    link.buffer.on_status(RecorderStatus(0), 0.0)
    sent = 0
    for _ in range(100):
        link.tick(0.0, True, True)
        sent += 1
    assert link.acted == sent == len(link.recorder.disk)


def test_a_recorder_that_never_spoke_gets_nothing():
    buffer = SendBuffer(EPOCH)
    buffer.add(step(0))
    assert buffer.steps_to_send(0.0) == []
    assert buffer.blocking_reason(0.0) == 'the recorder: nothing heard yet'


def test_after_a_silence_all_is_sent_again():
    buffer = SendBuffer(EPOCH)
    buffer.on_status(RecorderStatus(0), 0.0)
    for number in range(3):
        buffer.add(step(number))
    assert len(buffer.steps_to_send(0.1)) == 3
    assert buffer.steps_to_send(0.2) == []
    assert buffer.steps_to_send(0.3 + STATUS_TIMEOUT) == []
    buffer.on_status(RecorderStatus(0, EPOCH, 0), 2.0)
    assert [one.id.sequence for one in buffer.steps_to_send(2.1)] == [1, 2]


def test_without_a_step_kept_for_long_all_is_sent_again():
    buffer = SendBuffer(EPOCH)
    buffer.add(step(0))
    sent = 0
    for n in range(40):
        buffer.on_status(RecorderStatus(0), n / 10)
        sent += len(buffer.steps_to_send(n / 10))
    assert 5 <= sent <= 8


def test_no_more_is_on_its_way_than_the_middleware_holds():
    buffer = SendBuffer(EPOCH)
    for number in range(3 * MAX_IN_FLIGHT):
        buffer.add(step(number))
    buffer.on_status(RecorderStatus(0), 0.0)
    assert len(buffer.steps_to_send(0.0)) == MAX_IN_FLIGHT
    buffer.on_status(RecorderStatus(0, EPOCH, 9), 0.1)
    assert [one.id.sequence for one in buffer.steps_to_send(0.1)] == list(
        range(MAX_IN_FLIGHT, MAX_IN_FLIGHT + 10)
    )


@pytest.mark.parametrize('epoch', [0, EPOCH - 1, EPOCH + 1])
def test_what_another_start_has_kept_says_nothing_of_this_one(epoch):
    buffer = SendBuffer(EPOCH)
    buffer.add(step(0))
    buffer.on_status(RecorderStatus(0, epoch, 99), 0.0)
    assert len(buffer) == 1


def test_the_policy_is_told_why_it_must_hold():
    buffer = SendBuffer(EPOCH)
    buffer.on_status(RecorderStatus(0), 0.0)
    buffer.add(step(0))
    assert buffer.blocking_reason(0.1) == ''
    buffer.add(step(1))
    assert buffer.blocking_reason(0.1) == 'the recorder is 2 steps behind'
    buffer.on_status(RecorderStatus(0, EPOCH, 1, reason='no space left on device'), 0.2)
    assert buffer.blocking_reason(0.2) == 'the recorder can store nothing: no space left on device'
    buffer.on_status(RecorderStatus(0, EPOCH, 1), 0.3)
    assert buffer.blocking_reason(0.3) == ''
    assert buffer.blocking_reason(0.81) == 'the recorder is silent for 0.51 s, longer than 0.50 s'
