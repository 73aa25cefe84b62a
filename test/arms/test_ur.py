"""A UR behind its driver: when it may move, and the ways back after a stop."""

from types import SimpleNamespace as Message
from typing import Any

import pytest

from robo_dopamine_ros.arms.arm import Call
from robo_dopamine_ros.arms.readings import Readings
from robo_dopamine_ros.arms.ur import Ur, UrParameters

STATUS = 'io_and_status_controller'
SCALING = 'speed_scaling_state_broadcaster/speed_scaling'
STOPPED = 'safety mode 3: protective stop, the program External Control does not run'
UNLOCK = ('dashboard_client/unlock_protective_stop', 'std_srvs/srv/Trigger')
PLAY = ('dashboard_client/play', 'std_srvs/srv/Trigger')
RESEND = (f'{STATUS}/resend_robot_program', 'std_srvs/srv/Trigger')


class Robot:
    """What a robot says of itself, and what it answers."""

    def __init__(self, **parameters: Any) -> None:
        self.readings = Readings()
        self.ur = Ur(UrParameters(watched=True, **parameters), self.readings)
        self.calls: list[tuple[str, str]] = []
        self.paused = 0.0  # [s]
        self.refuses = ''

    def says(
        self,
        safety: int | None = 1,
        mode: int | None = 7,
        running: bool | None = True,
        scaling: float | None = 100.0,
    ) -> None:
        for channel, value in (
            (f'{STATUS}/safety_mode', safety and Message(mode=safety)),
            (f'{STATUS}/robot_mode', mode and Message(mode=mode)),
            (f'{STATUS}/robot_program_running', running),
            (SCALING, scaling),
        ):
            if value is not None:
                self.readings.hear(channel, value, 1, 100.0)

    def run(self, script: Any) -> str:
        """Answer a script as the robot would, until it ends."""
        reply = None
        try:
            while True:
                step = script.send(reply)
                reply = self.answer(step) if isinstance(step, Call) else None
                self.paused += 0.0 if isinstance(step, Call) else step
        except StopIteration as end:
            return end.value

    def answer(self, call: Call) -> Any:
        self.calls.append((call.name, call.type))
        if call.name == self.refuses:
            return Message(success=False, message='not in remote control')
        if call.name == UNLOCK[0]:
            self.says(safety=1, running=False)
        elif call.name in (PLAY[0], RESEND[0]):
            self.says()
        return Message(success=True, message='')


@pytest.mark.parametrize(
    ('says', 'words'),
    [
        ({}, ''),
        ({'safety': 2, 'scaling': 1.0}, ''),
        ({'safety': None, 'mode': None}, ''),
        ({'safety': 3}, 'safety mode 3: protective stop'),
        ({'safety': 7}, 'safety mode 7: emergency stop of the robot'),
        ({'safety': 99}, 'safety mode 99: not known'),
        ({'mode': 5}, 'robot mode 5: idle, brakes engaged'),
        ({'mode': -1}, 'robot mode -1: no controller'),
        ({'running': False}, 'the program External Control does not run'),
        ({'scaling': 0.0}, 'speed scaling is 0.0 %'),
        ({'scaling': float('nan')}, 'speed scaling is nan %'),
        ({'safety': 3, 'running': False}, STOPPED),
    ],
)
def test_it_may_move_only_when_it_is_ready(says: dict, words: str) -> None:
    robot = Robot()
    robot.says(**says)
    assert robot.ur.unready() == words


def test_it_is_not_known_whether_it_may_move_before_its_program_was_heard_of() -> None:
    robot, words = Robot(patience=1.0), f'nothing heard yet on {STATUS}/robot_program_running'
    robot.says(running=None)
    assert robot.ur.missing == words
    assert robot.run(robot.ur.started()) == words
    robot.says()
    assert robot.ur.missing == ''
    assert robot.run(robot.ur.started()) == ''


def test_its_modes_reach_late_joiners_and_are_optional() -> None:
    hears = {channel.name.split('/')[-1]: channel for channel in Robot().ur.hears}
    for name in ('robot_mode', 'safety_mode'):
        assert hears[name].kept
        assert hears[name].optional
    assert hears['robot_program_running'].kept
    assert not hears['robot_program_running'].optional
    assert Robot().ur.vital == [SCALING]


@pytest.mark.parametrize(('headless', 'again'), [(True, RESEND), (False, PLAY)])
def test_a_protective_stop_is_unlocked_not_too_early_and_the_program_runs_again(
    headless: bool, again: tuple
) -> None:
    robot = Robot(headless=headless)
    robot.says(safety=3, running=False)
    assert robot.run(robot.ur.recovered()) == ''
    assert robot.calls == [UNLOCK, again]
    assert robot.paused >= 5.0


def test_a_program_that_was_stopped_needs_no_unlocking() -> None:
    robot = Robot()
    robot.says(running=False)
    assert robot.run(robot.ur.recovered()) == ''
    assert robot.calls == [PLAY]


def test_where_nobody_says_the_safety_mode_unlocking_is_tried() -> None:
    robot = Robot()
    robot.says(safety=None, mode=None, running=False)
    robot.refuses = UNLOCK[0]
    assert robot.run(robot.ur.recovered()) == ''
    assert robot.calls == [UNLOCK, PLAY]


@pytest.mark.parametrize(
    ('says', 'refuses', 'words', 'calls'),
    [
        ({'safety': 7, 'running': False}, '', 'emergency stop of the robot', []),
        ({'safety': 9}, '', 'safety mode 9: fault; mend that at the robot', []),
        ({'mode': 5, 'running': False}, '', 'brakes engaged, the program', []),
        (
            {'safety': 3, 'running': False},
            UNLOCK[0],
            'unlock the protective stop: not in remote control',
            [UNLOCK],
        ),
        ({'running': False}, PLAY[0], 'play the program: not in remote control', [PLAY]),
    ],
)
def test_what_it_cannot_mend_is_said_and_left_alone(
    says: dict, refuses: str, words: str, calls: list
) -> None:
    robot = Robot()
    robot.says(**says)
    robot.refuses = refuses
    assert words in robot.run(robot.ur.recovered())
    assert robot.calls == calls


def test_one_that_does_not_come_back_is_given_up_in_time() -> None:
    robot = Robot(patience=2.0)
    robot.says(scaling=0.0)
    assert robot.run(robot.ur.recovered()) == 'speed scaling is 0.0 %'
    assert robot.run(robot.ur.started()) == 'speed scaling is 0.0 %'
    assert robot.paused == pytest.approx(4.0)


def test_where_there_is_no_ur_nothing_is_asked() -> None:
    ur = Ur(UrParameters(), Readings())
    assert not ur.hears
    assert ur.unready() == ''
    assert list(ur.recovered()) == list(ur.started()) == []
    with pytest.raises(ValueError, match=r'settling = 0.0; it must lie in 0..60 s'):
        UrParameters(settling=0.0)
