"""Readings to commands: time-outs, the dead-man, frames and the gripper."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from robo_dopamine_ros.teleop.command_mapper import (
    NO_GATE,
    RELEASE_FIRST,
    RELEASED,
    ArmFeedback,
    CommandMapper,
    TeleopMotion,
)
from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading
from robo_dopamine_ros.teleop.mapping import SpeedLimits
from robo_dopamine_ros.types import ArmCommand

X = np.array([0.1, 0, 0, 0, 0, 0])
LOOSE = DeviceReading(held=False)
TOUCHED = DeviceReading(held=False, reported=(1.0,))
OPEN = ArmFeedback(gripper=1.0)


def driving(motion: TeleopMotion | None = None, timeout: float = 0.2) -> CommandMapper:
    """A mapper that has seen the device change, and the dead-man released."""
    mapper = CommandMapper(motion or TeleopMotion(limits=SpeedLimits(0.2, 1.0)), timeout)
    for reading in (LOOSE, TOUCHED, LOOSE):
        mapper.on_reading(reading, OPEN, 0, 0.0)
    return mapper


def command_of(
    mapper: CommandMapper, reading: DeviceReading, arm: ArmFeedback | None = None, now: float = 0.0
) -> ArmCommand:
    command = mapper.on_reading(reading, arm or OPEN, 7, now)
    assert command is not None
    return command


def test_a_command_carries_motion_and_stamp() -> None:
    command = command_of(driving(), DeviceReading(True, X))
    assert (command.valid, command.stamp, command.reason) == (True, 7, '')
    assert command.twist == pytest.approx(X)


@given(
    st.lists(st.floats(-5, 5), min_size=6, max_size=6),
    st.lists(st.sampled_from([ButtonEvent.FASTER, ButtonEvent.SLOWER]), max_size=8),
)
def test_no_command_is_faster_than_the_limits(twist: list[float], steps: list[ButtonEvent]) -> None:
    mapper = driving()
    for step in steps:
        command_of(mapper, DeviceReading(False, pressed=frozenset({step})))
    assert 0 < mapper.factor <= 1
    command = command_of(mapper, DeviceReading(True, np.array(twist)))
    assert np.linalg.norm(command.twist[:3]) <= 0.2 * mapper.factor * (1 + 1e-9)
    assert np.linalg.norm(command.twist[3:]) <= 1.0 * mapper.factor * (1 + 1e-9)


def test_letting_go_is_announced_and_moves_nothing() -> None:
    command = command_of(driving(), DeviceReading(False, X))
    assert (command.valid, command.reason) == (False, RELEASED)
    assert not command.twist.any()


def test_a_dead_man_that_was_never_seen_released_does_not_count() -> None:
    mapper = CommandMapper(TeleopMotion(), 0.2)
    mapper.on_reading(DeviceReading(True, X, reported=(1.0,)), OPEN, 0, 0.0)
    command = command_of(mapper, DeviceReading(True, X))
    assert (command.valid, command.reason) == (False, RELEASE_FIRST)
    command_of(mapper, LOOSE)
    assert command_of(mapper, DeviceReading(True, X)).valid


def test_a_device_that_never_changed_requests_nothing_and_says_what_to_do() -> None:
    mapper = CommandMapper(TeleopMotion(), 0.2, 'move the SpaceMouse once')
    for now in np.arange(0.0, 10.0, 0.03):
        assert mapper.on_reading(LOOSE, OPEN, 0, now) is None
    assert not mapper.alive
    assert mapper.refusal == 'nothing has changed yet: move the SpaceMouse once'
    mapper.on_reading(TOUCHED, OPEN, 0, 10.0)
    assert mapper.alive
    assert mapper.refusal == ''


@pytest.mark.parametrize('lost', ['', 'its cable is pulled'])
def test_a_device_that_went_away_must_be_seen_to_change_again(lost: str) -> None:
    mapper = driving()
    assert mapper.alive
    assert mapper.check_timeout(0.1 if lost else 0.3, lost)
    for now in (0.4, 0.5, 0.55):
        assert mapper.on_reading(TOUCHED, OPEN, 0, now) is None
        assert not mapper.alive
    assert 'touch the device once' in mapper.refusal
    command_of(mapper, LOOSE, now=0.6)
    assert mapper.alive


def test_an_axis_off_its_rest_keeps_the_dead_man_from_counting_and_is_named() -> None:
    mapper = driving()
    command_of(mapper, DeviceReading(False, X, off_rest='axis 2 (yaw) reads 1.00'))
    for _ in range(3):
        command = command_of(mapper, DeviceReading(True, X))
        assert not command.valid
        assert 'axis 2 (yaw) reads 1.00 before the dead-man was held' in command.reason
        assert 'teleop --check' in command.reason
    command_of(mapper, LOOSE)
    assert command_of(mapper, DeviceReading(True, X)).valid, 'deflected while it is held'


def test_a_device_at_fault_requests_nothing() -> None:
    mapper = driving()
    faulty = DeviceReading(True, X, fault='its driver does not repeat')
    assert mapper.on_reading(faulty, OPEN, 0, 0.1) is None
    assert not mapper.alive
    assert mapper.refusal == 'its driver does not repeat'


def test_hold_to_run_counts_after_it_was_released_and_while_the_device_is_alive() -> None:
    held = DeviceReading(False, enabled=True)
    mapper = CommandMapper(TeleopMotion(), 0.2)
    for reading in (held, DeviceReading(False, enabled=True, reported=(1.0,))):
        mapper.on_reading(reading, OPEN, 0, 0.0)
    assert not mapper.enabled, 'held since before the start'
    command_of(mapper, LOOSE)
    assert not mapper.enabled
    command_of(mapper, held)
    assert mapper.enabled
    assert mapper.check_timeout(0.3)
    assert not mapper.enabled
    for reported in (1.0, 2.0):
        mapper.on_reading(DeviceReading(False, enabled=True, reported=(reported,)), OPEN, 0, 0.4)
    assert mapper.alive
    assert not mapper.enabled, 'held since before it came back'


def test_nothing_is_requested_of_a_gate_that_is_silent() -> None:
    command = command_of(driving(), DeviceReading(True, X), ArmFeedback())
    assert (command.valid, command.reason) == (False, NO_GATE)


def test_a_device_that_dies_with_the_dead_man_held_is_named_and_must_be_let_go() -> None:
    mapper = driving()
    command_of(mapper, DeviceReading(True, X), now=1.0)
    assert not mapper.check_timeout(1.2)
    assert mapper.check_timeout(1.21)
    assert mapper.dead_reason == 'silent for more than 0.2 s while the dead-man was held'
    assert not mapper.check_timeout(1.3), 'said once'
    assert mapper.on_reading(DeviceReading(True, X), OPEN, 0, 2.0) is None
    changed = DeviceReading(True, X, reported=(1.0,))
    assert command_of(mapper, changed, now=2.05).reason == RELEASE_FIRST
    assert mapper.dead_reason == ''
    command_of(mapper, LOOSE, now=2.1)
    assert command_of(mapper, DeviceReading(True, X), now=2.2).valid


def test_buttons_alone_do_not_keep_a_device_alive() -> None:
    mapper = driving()
    assert mapper.on_reading(DeviceReading(True, None), OPEN, 0, 0.19) is None
    assert mapper.check_timeout(0.21)


def test_a_device_that_never_spoke_is_not_dead_and_one_that_may_be_silent_never_is() -> None:
    assert not CommandMapper(TeleopMotion(), 0.2).check_timeout(99.0)
    assert not driving(timeout=math.inf).check_timeout(99.0)


@given(st.floats(-3, 3), st.lists(st.floats(-0.1, 0.1), min_size=6, max_size=6))
def test_forward_is_where_the_person_looks(facing: float, twist: list[float]) -> None:
    turn = Rotation.from_rotvec([0, 0, facing])
    motion = TeleopMotion(facing=facing, limits=SpeedLimits(0.2, 1.0))
    command = command_of(driving(motion), DeviceReading(True, np.array(twist)))
    assert command.twist[:3] == pytest.approx(turn.apply(twist[:3]), abs=1e-9)
    assert command.twist[3:] == pytest.approx(turn.apply(twist[3:]), abs=1e-9)


def test_in_the_frame_of_the_tool_its_orientation_must_be_known() -> None:
    motion = TeleopMotion(frame='tool', limits=SpeedLimits(0.2, 1.0))
    down = ArmFeedback(np.array([1.0, 0, 0, 0]), 1.0)  # half a turn about x: z points down
    ahead = DeviceReading(True, np.array([0, 0, 0.1, 0, 0, 0.5]))
    assert command_of(driving(motion), ahead, down).twist == pytest.approx([0, 0, -0.1, 0, 0, -0.5])
    blind = command_of(driving(motion), ahead)
    assert (blind.valid, blind.reason) == (
        False,
        'no arm/state: the frame of the tool is not known',
    )


TOGGLE = DeviceReading(True, X, frozenset({ButtonEvent.GRIPPER}))


def test_the_gripper_stays_as_it_is_until_its_button_is_pressed() -> None:
    mapper, closed = driving(), ArmFeedback(gripper=0.0)
    assert command_of(mapper, DeviceReading(True, X), closed).gripper == 0.0
    assert command_of(mapper, TOGGLE, closed).gripper == 1.0
    assert command_of(mapper, DeviceReading(True, X), closed).gripper == 1.0, (
        'until the gate has heard'
    )
    assert command_of(mapper, TOGGLE, closed).gripper == 0.0
    command_of(mapper, DeviceReading(False, pressed=frozenset({ButtonEvent.GRIPPER})), closed)
    assert command_of(mapper, DeviceReading(True, X), closed).gripper == 0.0, (
        'the dead-man was not held'
    )
    assert command_of(mapper, DeviceReading(True, X), ArmFeedback(gripper=0.3)).gripper == 0.3


def test_a_trigger_at_rest_does_not_open_what_is_closed() -> None:
    mapper, closed = driving(), ArmFeedback(gripper=0.0)

    def squeezed(opening: float, *pressed: ButtonEvent) -> float:
        reading = DeviceReading(True, X, frozenset(pressed), opening)
        return command_of(mapper, reading, closed).gripper

    assert [squeezed(opening) for opening in (1.0, 0.98, 0.6, 0.98, 0.0)] == [0, 0, 0.6, 0.98, 0]
    assert squeezed(0.0, ButtonEvent.GRIPPER) == 1.0
    assert squeezed(0.02) == 1.0, 'the button was touched last'


@pytest.mark.parametrize(
    'wrong', [{'frame': 'camera'}, {'facing': math.nan}, {'factor': 0.0}, {'factor': 2.0}]
)
def test_motion_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TeleopMotion(**wrong)
