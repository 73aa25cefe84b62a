"""The arm behind MoveIt Servo: its twists, its status, its start."""

from dataclasses import replace
from types import SimpleNamespace as Message
from typing import Any

import numpy as np
import pytest
from cases import CASES, NOW, STAMP
from descriptions import ARMS

from robo_dopamine_ros import geometry
from robo_dopamine_ros.arms.arm import Call, Joints
from robo_dopamine_ros.arms.config import make_arm
from robo_dopamine_ros.arms.servo import ServoConfig
from robo_dopamine_ros.types import ArmState, Pose

SERVO, UR5E = CASES['servo'], ARMS['ur5e']
HOME = np.array(UR5E.home)


def arm(status: Any = 0, **servo: Any) -> Any:
    """Make an arm with these settings that has received every message."""
    parameters = ServoConfig(**{'distribution': 'humble', **servo})
    made = make_arm(replace(SERVO.parameters, servo=parameters), 0.1)
    for channel, value in {**SERVO.messages, 'servo_node/status': status}.items():
        made.on_message(channel, value, STAMP, NOW)
    return made


def twist(made: Any, target: Pose) -> np.ndarray:
    outs = made.command(target, 1.0, NOW).messages
    assert [(out.channel, out.frame) for out in outs] == [('servo_node/delta_twist_cmds', 'base')]
    return outs[0].value


def test_the_twist_draws_the_tool_to_its_target_in_the_base_frame() -> None:
    tool = SERVO.pose
    assert twist(arm(), tool) == pytest.approx(np.zeros(6), abs=1e-9)
    way = np.array([0.01, -0.02, 0.0, 0.0, 0.05, 0.0])
    target = geometry.integrate_twist(tool, way, 1.0)
    assert twist(arm(gain=4.0), target) == pytest.approx(4.0 * way, abs=1e-6)


def test_it_goes_no_faster_than_it_may_in_the_same_direction() -> None:
    far = geometry.integrate_twist(SERVO.pose, np.array([3.0, 4.0, 0.0, 0.0, 0.0, 2.0]), 1.0)
    limited = twist(arm(speed=0.2, angular_speed=0.5), far)
    assert limited == pytest.approx([0.12, 0.16, 0.0, 0.0, 0.0, 0.5], abs=1e-6)


def test_a_simulated_tool_arrives_and_stays() -> None:
    made, q = arm(), HOME.copy()
    goal = geometry.integrate_twist(SERVO.pose, np.array([0.02, 0.03, -0.03, 0.1, 0.0, -0.1]), 1.0)
    for tick in range(150):  # 3 s at 50 Hz
        stamp = STAMP + tick * 20_000_000
        made.on_message('joint_states', Joints(UR5E.joints, q), stamp, NOW + tick * 0.02)
        command = twist(made, goal)
        q = q + np.linalg.solve(UR5E.kinematics.pose_and_jacobian(q)[1], command) * 0.02
    assert geometry.pose_difference(UR5E.kinematics.pose(q), goal) == pytest.approx(
        np.zeros(6), abs=1e-3
    )


@pytest.mark.parametrize(
    ('distribution', 'code', 'words', 'faulty'),
    [
        ('humble', 0, '', False),
        ('humble', -1, 'Servo refuses the command', True),
        ('humble', 2, 'Servo halts: singularity, only the way back is free', False),
        ('humble', 3, 'Servo slows down near a collision', False),
        ('humble', 4, 'Servo halts: collision', True),
        ('humble', 5, 'Servo halts joints at their bounds', False),
        ('humble', 6, 'Servo slows down leaving a singularity', False),
        ('jazzy', 3, 'Servo slows down leaving a singularity', False),
        ('jazzy', 4, 'Servo slows down near a collision', False),
        ('jazzy', 5, 'Servo halts: collision', True),
        ('jazzy', 6, 'Servo halts joints at their bounds', False),
        ('jazzy', 7, 'Servo says 7, which jazzy does not know', True),
    ],
)
def test_the_codes_of_both_distributions_are_told_apart(
    distribution: str, code: int, words: str, faulty: bool
) -> None:
    status = Message(code=code, message='') if distribution == 'jazzy' else code
    made = arm(status, distribution=distribution)
    assert made.command(SERVO.pose, 1.0, NOW).reason == words
    state = made.state(NOW)
    assert isinstance(state, ArmState)
    assert state.fault == (words if faulty else '')


def test_a_servo_that_is_paused_is_not_there() -> None:
    made = arm()
    SERVO.send(made, NOW + 0.5, 'servo_node/status')
    assert made.state(NOW + 0.5) == 'silence on servo_node/status for 0.50 s'


class Node:
    """Answers the calls of a script; `broken` names the one that fails."""

    def __init__(self, units: str = 'speed_units', about: bool = True, broken: str = ''):
        self._values = [Message(string_value=units), Message(bool_value=about)]
        self._broken = broken
        self.called: list[Call] = []

    def run(self, script: Any) -> str:
        reply = None
        try:
            while True:
                step = script.send(reply)
                reply = self._answer(step) if isinstance(step, Call) else None
        except StopIteration as end:
            return end.value

    def _answer(self, call: Call) -> Any:
        self.called.append(call)
        name = call.name.removeprefix('servo_node/')
        if name == 'get_parameters':
            return Message(values=self._values[: len(call.request['names'])])
        return Message(success=name != self._broken, message='no')


def test_both_distributions_are_started_their_way() -> None:
    humble, jazzy = Node(), Node()
    assert humble.run(arm(distribution='humble').start()) == ''
    assert [call.name for call in humble.called] == [
        'servo_node/get_parameters',
        'servo_node/start_servo',
    ]
    assert jazzy.run(arm(Message(code=0), distribution='jazzy').start()) == ''
    assert [(call.name, dict(call.request)) for call in jazzy.called[1:]] == [
        ('servo_node/switch_command_type', {'command_type': 1}),
        ('servo_node/pause_servo', {'data': False}),
    ]


def test_a_servo_that_cannot_be_understood_is_refused() -> None:
    for node, reason in (
        (Node(units='unitless'), "moveit_servo.command_in_type is 'unitless'; set it to"),
        (Node(about=False), 'moveit_servo.apply_twist_commands_about_ee_frame is false'),
    ):
        made = arm(Message(code=0), distribution='jazzy')
        assert node.run(made.start()).startswith(reason)
        assert len(node.called) == 1, 'it is not started'
    mute = Node()
    mute._values = []
    assert 'has not all of moveit_servo.command_in_type' in mute.run(arm().start())
    assert Node(broken='start_servo').run(arm().start()) == 'servo_node/start_servo failed: no'
    assert Node().run(arm(4).start()) == 'Servo halts: collision'


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'distribution': 'iron'}, "distribution = 'iron'; it must be jazzy, humble"),
        ({'gain': 0.0}, r'gain = 0\.0'),
        ({'gain': 11.0}, r'gain = 11\.0'),
        ({'speed': np.nan}, 'speed = nan'),
        ({'angular_speed': -1.0}, r'angular_speed = -1\.0'),
    ],
)
def test_parameters_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ServoConfig(**wrong)


def test_joints_must_be_named() -> None:
    with pytest.raises(ValueError, match='joints is empty'):
        make_arm(replace(SERVO.parameters, joints=()), 0.1)
