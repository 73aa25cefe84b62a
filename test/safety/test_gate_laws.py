"""Guarantees of the gate, checked over more than 100,000 random commands.

They are checked on every tick, from outside; `a` and `b` are the acceleration limit and the one for
braking, the target is what was sent:

- step: in every mode the target moves by at most the speed limits times the time between two ticks;
  only after a pause in sending, or where the simulator moves the arm, does it start at the tool
- box: on each axis the target is inside, or no farther out than the previous target or the tool;
  when it is farther out than both walls and tool, it comes nearer
- speed: the norms of the linear and angular part of the sent twist keep their limits
- acceleration: the sent twist differs from the previous one by a * time at most while a source
  moves the arm, by b * time while it holds; it may only slow down by more, where a pushed arm came
  too near to a wall, or the force was too large
- restart: after a change of the source, or a rearming, the target starts at the tool, or goes there
  with the limited speed
- tracking error: the target is no farther from the measured tool than allowed [m, rad], or comes
  nearer; half as far again, and the gate latches
- stopped: while the gate is latched, the target goes nowhere but to the tool or into the box
- gripper: after a rearm it is not commanded until a source does
- timeouts: the tick after one has no active source, is slower, and the twist is zero 0.3 s later
- reasons: a refusal, a hold, a latch and a limited command each have one
"""

import numpy as np
import pytest
from gate_simulation import (
    MEASURED_OPENING,
    TIMEOUTS,
    GateSimulation,
    ReceivedCommand,
    Tick,
)

from robo_dopamine_ros.geometry import rotation_between, vector_norm
from robo_dopamine_ros.safety.arbitration import COMMAND_SOURCES, SOURCE_PHASES
from robo_dopamine_ros.safety.limiter import MAX_TICK, Limits
from robo_dopamine_ros.safety.target import LOST_FACTOR, RESTART_INTERVAL
from robo_dopamine_ros.types import ArmState, Mode, Pose

SEEDS, TICKS, COMMANDS = 20, 4800, 5200
TINY = 1e-9
STOP = 0.3  # [s]


def distances(start: Pose, goal: Pose) -> tuple[float, float]:
    """Distance [m] and angle [rad] between two poses."""
    turn = rotation_between(start.orientation, goal.orientation)
    return vector_norm(goal.position - start.position), vector_norm(turn)


class LawChecker:
    """Checks one tick after another, by inputs and outputs alone."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.before: Tick | None = None
        self.accepted: dict[Mode, ReceivedCommand] = {}  # newest one of each source
        self.newest: dict[Mode, ReceivedCommand] = {}  # newest one, accepted or refused
        self.hold_start = 0.0  # steady time since when no source moves the arm, 0: one does
        self.corrected_at = -9.0  # steady time of the last correction towards the tool
        self.source = Mode.HOLD  # that moved the arm last; HOLD: the next one restarts the target
        self.moved = 0  # ticks in which a source moved the arm
        self.gripper_commanded = False  # by a source, since the last rearm

    def check(self, tick: Tick) -> None:
        for received in tick.commands:
            self.check_refusal(received)
        self.check_reason(tick)
        self.check_mode(tick)
        self.check_braking(tick)
        self.check_gripper(tick)
        if tick.control.target is not None:
            assert isinstance(tick.state, ArmState)
            self.check_target(tick, tick.state)
        self.moved += tick.control.mode in COMMAND_SOURCES
        self.before = tick

    def check_refusal(self, received: ReceivedCommand) -> None:
        if received.flaw and received.command.valid:
            assert received.reason, f'{received.flaw} was accepted'
        self.newest[received.source] = received
        if not received.reason:
            self.accepted[received.source] = received

    def check_reason(self, tick: Tick) -> None:
        control = tick.control
        assert control.latched == (control.mode is Mode.STOPPED)
        if control.mode not in COMMAND_SOURCES:
            assert control.reason
            assert control.sent.reason == control.reason
            return
        command = self.accepted[control.mode].command
        if not np.allclose(control.sent.twist, command.twist, atol=1e-5):
            assert control.reason, 'limited without a reason'
        assert control.sent.gripper == command.gripper

    def check_mode(self, tick: Tick) -> None:
        mode, before = tick.control.mode, self.before
        if before is not None and before.control.latched and 'rearm' not in tick.requests:
            assert mode is Mode.STOPPED, 'it resumed by itself'
        if mode in SOURCE_PHASES:
            assert tick.phase is SOURCE_PHASES[mode]
        if mode in COMMAND_SOURCES:
            newest = self.newest[mode]
            assert not newest.reason, f'it follows {newest}'
            assert newest.command.valid
            assert tick.now - newest.now <= getattr(self.limits, TIMEOUTS[mode]) + TINY

    def check_braking(self, tick: Tick) -> None:
        """Braking starts in the tick that ends a motion, and ends in time."""
        sent = tick.control.sent.twist
        assert np.isfinite(sent).all()
        if tick.control.mode in COMMAND_SOURCES:
            self.hold_start = 0.0
            return
        self.hold_start = self.hold_start or tick.now
        if self.before is not None and tick.seconds > 0:
            for part in (slice(0, 3), slice(3, 6)):
                speed = vector_norm(self.before.control.sent.twist[part])
                assert vector_norm(sent[part]) < speed or speed == 0
        if tick.now - self.hold_start >= STOP:
            assert not sent.any(), f'still at {sent} after {tick.now - self.hold_start:.3f} s'

    def check_target(self, tick: Tick, arm: ArmState) -> None:
        control, limits = tick.control, self.limits
        target, twist = control.target, control.sent.twist
        assert target is not None
        assert vector_norm(twist[:3]) <= limits.speed + TINY
        assert vector_norm(twist[3:]) <= limits.angular_speed + TINY
        self.check_restart(tick, arm)
        if self.before is None or self.before.control.target is None:
            return
        start = self.before.control.target
        seconds = min(tick.seconds, MAX_TICK)
        plain = start.position + twist[:3] * seconds
        if vector_norm(target.position - plain) > TINY:
            self.corrected_at = tick.now
        self.check_acceleration(tick, self.before.control.sent.twist, twist)
        if tick.seconds > RESTART_INTERVAL or limits.allow_pose_jumps:
            return
        way, turn = distances(start, target)
        assert way <= limits.speed * tick.seconds * (1 + 1e-6) + TINY, 'a step'
        assert turn <= limits.angular_speed * tick.seconds * (1 + 1e-6) + 1e-7, 'a turn'
        self.check_tracking(tick, arm, start)
        self.check_box(target.position, arm.pose.position, start.position)

    def check_tracking(self, tick: Tick, arm: ArmState, start: Pose) -> None:
        """Compare the distances from target to tool with what is allowed."""
        limits, target = self.limits, tick.control.target
        assert target is not None
        allowed = (limits.max_tracking_error, limits.max_rotation_error)
        before, after = distances(start, arm.pose), distances(target, arm.pose)
        for most, far, near in zip(allowed, before, after, strict=True):
            assert near <= max(most, far) + 1e-7, 'away from the tool'
            if far > LOST_FACTOR * most + TINY:
                assert tick.control.latched, f'{far} from the target'
        walls = (self.outside(start.position) > 0).any()
        if tick.control.latched and not tick.control.sent.twist.any() and not walls:
            assert after[0] <= before[0] + TINY, 'moved while stopped'
            assert after[1] <= before[1] + 1e-7, 'turned while stopped'

    def check_restart(self, tick: Tick, arm: ArmState) -> None:
        control, seconds = tick.control, min(tick.seconds, MAX_TICK)
        if self.before and self.before.control.latched:
            self.source = Mode.HOLD
        if control.mode not in COMMAND_SOURCES:
            return
        start = self.before.control.target if self.before else None
        if control.mode is not self.source and start is not None:
            assert control.target is not None
            twist = control.sent.twist
            for moved, far, near in zip(
                (vector_norm(twist[:3]), vector_norm(twist[3:])),
                distances(start, arm.pose),
                distances(control.target, arm.pose),
                strict=True,
            ):
                assert near <= max(far, moved * seconds) + moved * seconds + 1e-7, (
                    'not from the tool'
                )
        self.source = control.mode

    def check_gripper(self, tick: Tick) -> None:
        if 'rearm' in tick.requests and self.before and self.before.control.latched:
            self.gripper_commanded = False
        if tick.control.mode in COMMAND_SOURCES:
            self.gripper_commanded = True
        if not self.gripper_commanded:
            assert np.isnan(tick.gripper_command), 'it moves fingers'
            assert tick.control.sent.gripper == MEASURED_OPENING or isinstance(tick.state, str)

    def outside(self, place: np.ndarray) -> np.ndarray:
        """How far a place is outside the box, per axis [m]."""
        low, high = np.array(self.limits.low), np.array(self.limits.high)
        return np.maximum(np.maximum(low - place, place - high), 0)

    def check_box(self, target: np.ndarray, tool: np.ndarray, start: np.ndarray) -> None:
        now, before = self.outside(target), self.outside(start)
        tool_outside = self.outside(tool)
        assert (now <= np.maximum(tool_outside, before) + TINY).all(), 'outwards'
        if (before > tool_outside + 1e-4).any():
            assert (now - before).min() < 0, 'stays outside'

    def check_acceleration(self, tick: Tick, before: np.ndarray, after: np.ndarray) -> None:
        limits, holds = self.limits, tick.control.mode not in COMMAND_SOURCES
        for part, speed, most, pushed in (
            (slice(0, 3), limits.speed, limits.acceleration, tick.now - self.corrected_at < 1.0),
            (slice(3, 6), limits.angular_speed, limits.angular_acceleration, False),
        ):
            change = vector_norm(after[part] - before[part])
            if holds:
                allowed = max(most, 1.5 * speed / limits.stop_time) * tick.seconds
            else:
                allowed = most * min(tick.seconds, MAX_TICK)
            if change > allowed + TINY:
                slower = (np.abs(after[part]) <= np.abs(before[part]) + TINY).all()
                latched = tick.control.latched and not after.any()
                assert latched or (pushed and slower), f'{change} above {allowed}'


@pytest.mark.parametrize('seed', range(SEEDS))
def test_laws_hold_in_a_random_simulation(seed: int) -> None:
    simulation = GateSimulation(seed)
    checker = LawChecker(simulation.limits)
    for tick in simulation.ticks(TICKS):
        checker.check(tick)
    assert simulation.sent >= COMMANDS
    assert checker.moved > TICKS / 10
    assert SEEDS * COMMANDS > 100_000
