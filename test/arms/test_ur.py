"""A UR behind its driver: when it may move, and the ways back after a stop."""

from types import SimpleNamespace as Message
from typing import Any

import pytest

from robo_dopamine_ros.arms.arm import Call, LatestMessages
from robo_dopamine_ros.arms.ur import UrConfig, UrRobot

STATUS = 'io_and_status_controller'
SCALING = 'speed_scaling_state_broadcaster/speed_scaling'
STOPPED = 'safety mode 3: protective stop, the program External Control does not run'
UNLOCK = ('dashboard_client/unlock_protective_stop', 'std_srvs/srv/Trigger')
PLAY = ('dashboard_client/play', 'std_srvs/srv/Trigger')
RESEND = (f'{STATUS}/resend_robot_program', 'std_srvs/srv/Trigger')


class Robot:
    """State that a robot publishes, and its responses."""

    def __init__(self, configured: str = '', **parameters: Any) -> None:
        self.latest = LatestMessages()
        self.ur = UrRobot(UrConfig(enabled=True, **parameters), self.latest, configured)
        self.model: Any = 'dashboard_client/get_robot_model is not offered'
        self.calls: list[tuple[str, str]] = []
        self.paused = 0.0  # [s]
        self.refuses = ''

    def publish(
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
                self.latest.on_message(channel, value, 1, 100.0)

    def run(self, sequence: Any) -> str:
        """Answer a sequence as the robot would, until it ends."""
        reply = None
        try:
            while True:
                step = sequence.send(reply)
                reply = self.answer(step) if isinstance(step, Call) else None
                self.paused += 0.0 if isinstance(step, Call) else step
        except StopIteration as end:
            return end.value

    def answer(self, call: Call) -> Any:
        if call.name.endswith('get_robot_model'):
            return self.model
        self.calls.append((call.name, call.type))
        if call.name == self.refuses:
            return Message(success=False, message='not in remote control')
        if call.name == UNLOCK[0]:
            self.publish(safety=1, running=False)
        elif call.name in (PLAY[0], RESEND[0]):
            self.publish()
        return Message(success=True, message='')


@pytest.mark.parametrize(
    ('state', 'words'),
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
def test_it_may_move_only_when_it_is_ready(state: dict, words: str) -> None:
    robot = Robot()
    robot.publish(**state)
    assert robot.ur.fault() == words


def test_it_is_not_known_whether_it_may_move_before_its_program_state_was_received() -> None:
    robot, words = Robot(timeout=1.0), f'nothing heard yet on {STATUS}/robot_program_running'
    robot.publish(running=None)
    assert robot.ur.missing == words
    assert robot.run(robot.ur.start()) == words
    robot.publish()
    assert robot.ur.missing == ''
    assert robot.run(robot.ur.start()) == ''


def test_its_modes_reach_late_joiners_and_are_optional() -> None:
    inputs = {channel.name.split('/')[-1]: channel for channel in Robot().ur.inputs}
    for name in ('robot_mode', 'safety_mode'):
        assert inputs[name].transient_local
        assert inputs[name].optional
    assert inputs['robot_program_running'].transient_local
    assert not inputs['robot_program_running'].optional
    assert Robot().ur.required == [SCALING]


@pytest.mark.parametrize(('headless', 'again'), [(True, RESEND), (False, PLAY)])
def test_a_protective_stop_is_unlocked_not_too_early_and_the_program_runs_again(
    headless: bool, again: tuple
) -> None:
    robot = Robot(headless=headless)
    robot.publish(safety=3, running=False)
    assert robot.run(robot.ur.recover()) == ''
    assert robot.calls == [UNLOCK, again]
    assert robot.paused >= 5.0


def test_a_program_that_was_stopped_needs_no_unlocking() -> None:
    robot = Robot()
    robot.publish(running=False)
    assert robot.run(robot.ur.recover()) == ''
    assert robot.calls == [PLAY]


def test_without_a_safety_mode_unlocking_is_tried() -> None:
    robot = Robot()
    robot.publish(safety=None, mode=None, running=False)
    robot.refuses = UNLOCK[0]
    assert robot.run(robot.ur.recover()) == ''
    assert robot.calls == [UNLOCK, PLAY]


@pytest.mark.parametrize(
    ('state', 'refuses', 'words', 'calls'),
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
    state: dict, refuses: str, words: str, calls: list
) -> None:
    robot = Robot()
    robot.publish(**state)
    robot.refuses = refuses
    assert words in robot.run(robot.ur.recover())
    assert robot.calls == calls


def test_one_that_does_not_come_back_is_given_up_in_time() -> None:
    robot = Robot(timeout=2.0)
    robot.publish(scaling=0.0)
    assert robot.run(robot.ur.recover()) == 'speed scaling is 0.0 %'
    assert robot.run(robot.ur.start()) == 'speed scaling is 0.0 %'
    assert robot.paused == pytest.approx(4.0)


def test_where_there_is_no_ur_nothing_is_asked() -> None:
    ur = UrRobot(UrConfig(), LatestMessages())
    assert not ur.inputs
    assert ur.fault() == ''
    assert list(ur.recover()) == list(ur.start()) == []
    with pytest.raises(ValueError, match=r'unlock_delay = 0.0; it must lie in 0..60 s'):
        UrConfig(unlock_delay=0.0)


@pytest.mark.parametrize(
    ('configured', 'told', 'words'),
    [
        ('ur5e', 'UR5', ''),
        ('ur10', 'UR10', ''),
        ('ur5e', 'UR10', 'the robot says that it is a UR10, but driver.model = ur5e'),
        ('', 'UR10', ''),
    ],
)
def test_another_model_than_configured_is_not_armed(configured: str, told: str, words: str) -> None:
    robot = Robot(configured)
    robot.publish()
    assert robot.ur.arming_obstacle() == ''
    assert robot.run(robot.ur.start()) == ''
    assert robot.ur.arming_obstacle() == '', 'older drivers do not tell'
    robot = Robot(configured)
    robot.publish()
    robot.model = Message(success=True, robot_model=told)
    assert robot.run(robot.ur.start()) == ''
    assert words in robot.ur.arming_obstacle()
    assert bool(robot.ur.arming_obstacle()) == bool(words)
    robot.model = Message(success=True, robot_model='UR3')
    robot.run(robot.ur.start())
    assert words in robot.ur.arming_obstacle(), 'it is asked once'


def test_what_the_driver_does_not_tell_is_said() -> None:
    assert 'on the pendant' in Robot().ur.not_told
    assert UrRobot(UrConfig(), LatestMessages()).not_told == ''
