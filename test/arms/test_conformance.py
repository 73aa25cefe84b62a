"""What holds for every arm, whatever its driver."""

import re
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import CASES, NOW, STAMP, TIMEOUT, Case

from robo_dopamine_ros.arms.arm import Arm, Call, Channel, Joints
from robo_dopamine_ros.arms.config import ARM_CLASSES, ArmConfig
from robo_dopamine_ros.types import ArmState, Pose

every_arm = pytest.mark.parametrize('case', CASES.values(), ids=CASES)
TYPE = re.compile(r'\w+/(msg|action)/[A-Z]\w+$')


def state(arm: Arm, now: float = NOW) -> ArmState:
    given = arm.state(now)
    assert isinstance(given, ArmState), given
    return given


def broken(value: Any) -> Any:
    """Give the value with its first number not a number."""
    nan = np.nan
    if isinstance(value, Pose):
        return Pose(np.array([nan, 0, 0]), value.orientation)
    if isinstance(value, Joints):
        return replace(value, positions=np.full(len(value.positions), nan))
    return np.full(len(value), nan)


def test_every_arm_that_can_be_chosen_is_tested() -> None:
    assert set(CASES) == set(ARM_CLASSES)


def test_an_arm_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ValueError, match=f"arm = 'panda'; it must be {', '.join(ARM_CLASSES)}"):
        ArmConfig(arm='panda')


@every_arm
def test_its_channels_are_well_formed(case: Case) -> None:
    arm = case.make()
    assert arm.name
    for channels in (arm.inputs, arm.outputs):
        assert len({channel.name for channel in channels}) == len(channels), 'a name comes twice'
        assert all(isinstance(c, Channel) and TYPE.match(c.type) for c in channels)
    assert {*case.messages} <= {channel.name for channel in arm.inputs}
    assert all('/action/' not in channel.type for channel in arm.inputs)
    assert any(channel.exclusive for channel in arm.outputs), 'motion has one publisher'


@every_arm
def test_it_names_what_is_missing_until_all_was_received(case: Case) -> None:
    arm = case.make()
    reason = arm.state(NOW)
    assert isinstance(reason, str)
    assert all(name in reason for name in case.required)
    case.send(arm)
    state(arm)


@every_arm
def test_its_state_is_whole(case: Case) -> None:
    given = state(case.make_connected())
    assert given.stamp == STAMP
    assert given.pose.position == pytest.approx(case.pose.position, abs=1e-6)
    assert abs(np.dot(given.pose.orientation, case.pose.orientation)) == pytest.approx(1)
    assert given.twist == pytest.approx(np.zeros(6), abs=1e-9)
    assert len(given.joint_names) == len(given.joints) == len(given.joint_velocities) > 0
    assert np.isfinite(given.joints).all()
    assert np.isfinite(given.joint_velocities).all()
    assert 0 <= given.gripper <= 1
    assert given.wrench.shape == (6,)
    assert not given.fault
    assert given.driver == case.make().name


@every_arm
def test_silence_of_any_channel_it_needs_is_named_and_ends_when_it_speaks(case: Case) -> None:
    for name in case.required:
        arm = case.make_connected()
        later = NOW + 0.9 * TIMEOUT
        state(arm, later)
        case.send(arm, later, name)
        reason = arm.state(NOW + 1.2 * TIMEOUT)
        assert isinstance(reason, str), f'{name} is silent'
        assert name in reason
        case.send(arm, later)
        state(arm, NOW + 1.2 * TIMEOUT)


@every_arm
def test_what_is_not_a_number_never_becomes_state(case: Case) -> None:
    for name in case.required:
        if not isinstance(case.messages[name], Pose | Joints | np.ndarray):
            continue  # not numbers
        arm = case.make()
        case.send(arm, NOW, name)
        with pytest.raises(ValueError, match='nan'):
            arm.on_message(name, broken(case.messages[name]), STAMP, NOW)
        assert isinstance(arm.state(NOW), str)


@every_arm
def test_what_it_tells_fits_its_channels_and_stays_near_while_it_holds(case: Case) -> None:
    arm = case.make_connected()
    for tick in range(20):
        now = NOW + 0.02 * tick
        case.send(arm, now)
        command = arm.command(state(arm, now).pose, 0.5, now)
        assert {out.channel for out in command.messages} <= {
            channel.name for channel in arm.outputs
        }
        assert command.target.position == pytest.approx(case.pose.position, abs=1e-3)
        assert abs(np.dot(command.target.orientation, case.pose.orientation)) > 0.9999
    exclusive = {channel.name for channel in arm.outputs if channel.exclusive}
    assert exclusive & {out.channel for out in command.messages}, (
        'it must be commanded while it holds too'
    )


@every_arm
def test_a_target_further_on_is_sent_or_the_reason_why_it_is_not(case: Case) -> None:
    arm, goal = (
        case.make_connected(),
        Pose(case.pose.position + [0, 0, 0.01], case.pose.orientation),
    )
    state(arm)
    command = arm.command(goal, 0.5, NOW)
    reached = command.target.position[2] - case.pose.position[2]
    assert -1e-6 <= reached <= 0.01 + 1e-6
    assert command.reason or reached == pytest.approx(0.01)


@every_arm
def test_its_scripts_end_with_a_reason_when_nobody_answers(case: Case) -> None:
    arm = case.make_connected()
    for script in (arm.start(), arm.recover()):
        called, end = answered(script, 'no answer')
        assert all(
            call.timeout > 0 and re.match(r'\w+/(srv|action)/', call.type) for call in called
        )
        assert bool(end) == bool(called), 'what was not answered is not done'


def answered(script: Generator, reply: Any) -> tuple[list[Call], str]:
    """Run a script whose calls all get this reply; gives the calls and its last word."""
    called: list[Call] = []
    try:
        step = next(script)
        while True:
            if isinstance(step, Call):
                called.append(step)
            step = script.send(reply if isinstance(step, Call) else None)
    except StopIteration as end:
        return called, end.value
