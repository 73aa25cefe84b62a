"""Reset strategies with fakes in place of the simulator and the arm."""

import numpy as np
import pytest

from robo_dopamine_ros.episodes.config import ResetParameters
from robo_dopamine_ros.episodes.home_motion import SETTLE_TIME, HomePose
from robo_dopamine_ros.episodes.resets import (
    RETRY_PERIOD,
    EpisodeResetter,
    HomeReset,
    ManualReset,
    ResetError,
    SimReset,
)
from robo_dopamine_ros.types import ArmCommand, ArmState, Pose

HOME = HomePose()


def arm_state(pose: Pose) -> ArmState:
    none = np.zeros(7)
    return ArmState(0, pose, none[:6], none, none, tuple('abcdefg'), 0.5, none[:6])


class FakeFuture:
    def __init__(self) -> None:
        self.success, self.message, self.answered = True, '', False

    def done(self) -> bool:
        return self.answered

    def result(self) -> 'FakeFuture':
        return self


class FakeClient:
    """A client of `sim/reset` whose answers the test gives."""

    class srv_type:  # noqa: N801 (as rclpy names it)
        Request = object

    def __init__(self) -> None:
        self.futures: list[FakeFuture] = []
        self.removed = 0

    def service_is_ready(self) -> bool:
        return True

    def call_async(self, request: object) -> FakeFuture:
        self.futures.append(FakeFuture())
        return self.futures[-1]

    def remove_pending_request(self, future: FakeFuture) -> None:
        self.removed += 1


def test_a_lost_request_is_sent_again_and_none_stays_pending() -> None:
    client = FakeClient()
    resetter = EpisodeResetter(SimReset('sim/reset', client), ResetParameters('sim'))
    assert not resetter.update(True, None, 0.0)
    assert resetter.waiting_for == 'sim/reset does not answer'
    assert not resetter.update(True, None, RETRY_PERIOD)
    assert len(client.futures) == 2
    client.futures[1].answered = True
    assert resetter.update(True, None, RETRY_PERIOD)
    assert (client.removed, resetter.waiting_for) == (2, '')


def test_a_timeout_fails_a_reset_but_not_a_manual_one() -> None:
    resetter = EpisodeResetter(SimReset('sim/reset', FakeClient()), ResetParameters('sim', 3.0))
    resetter.update(True, None, 0.0)
    with pytest.raises(ResetError, match='sim/reset does not answer, after 3 s'):
        resetter.update(True, None, 3.0)
    log: list[str] = []
    manual = EpisodeResetter(ManualReset(log.append), ResetParameters('manual', 3.0))
    for now in (0.0, 3.0, 60.0):
        assert not manual.update(True, None, now)
    assert len(log) == 1


def test_the_motion_ends_with_an_invalid_command() -> None:
    commands: list[ArmCommand] = []
    strategy = HomeReset(HOME, commands.append)
    resetter = EpisodeResetter(strategy, ResetParameters('motion'))
    assert not resetter.update(True, 0.2, 0.0)
    assert resetter.waiting_for == 'no arm/state comes'
    strategy.on_arm_state(arm_state(HOME.pose), 0.1)
    assert not resetter.update(True, None, 0.1)
    assert resetter.waiting_for == 'the gate is silent'
    assert not resetter.update(True, 0.2, 0.1)
    assert commands[-1].gripper == 0.2
    strategy.on_arm_state(arm_state(HOME.pose), 0.1 + SETTLE_TIME)
    assert resetter.update(True, 0.2, 0.1 + SETTLE_TIME + 1e-9)
    assert (commands[-1].valid, commands[-1].reason) == (False, 'the reset is over')
