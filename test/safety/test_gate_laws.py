"""Guarantees of the gate, checked over more than 100,000 random commands.

They are checked on every tick, from outside; `a` and `b` are the acceleration limit and the one for
braking:

- box: on each axis the target is inside, or no farther out than the previous target or the tool
- speed: the norms of the linear and angular part of the sent twist keep their limits
- acceleration: the sent twist differs from the previous one by a * time at most while a source
  moves the arm, by b * time while it holds; it may only slow down by more, where a pushed arm came
  too near to a wall, or the force was too large
- displacement: the target moved by twist * time, or was set nearer to the measured tool
- restart: after a change of the source, or a rearming, the target starts at the tool
- tracking error: the target is no farther from the measured tool than allowed [m, rad]
- timeouts: the tick after one has no active source, is slower, and the target rests 0.3 s later
- reasons: a refusal, a hold, a latch and a limited command each have one
"""

import numpy as np
import pytest
from gate_simulation import TIMEOUTS, GateSimulation, ReceivedCommand, Tick

from robo_dopamine_ros.geometry import rotation_between, vector_norm
from robo_dopamine_ros.safety.arbitration import COMMAND_SOURCES, SOURCE_PHASES
from robo_dopamine_ros.safety.limiter import MAX_TICK, Limits
from robo_dopamine_ros.types import ArmState, Mode

SEEDS, TICKS, COMMANDS = 20, 4800, 5200
TINY = 1e-9
STOP = 0.3  # [s]


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

    def check(self, tick: Tick) -> None:
        for received in tick.commands:
            self.check_refusal(received)
        self.check_reason(tick)
        self.check_mode(tick)
        self.check_braking(tick)
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
        assert vector_norm(target.position - arm.pose.position) <= limits.max_tracking_error + TINY
        turn = rotation_between(arm.pose.orientation, target.orientation)
        assert vector_norm(turn) <= limits.max_rotation_error + TINY
        self.check_restart(tick, arm)
        start = self.before.control.target if self.before else None
        self.check_box(
            target.position, arm.pose.position, None if start is None else start.position
        )
        if self.before is None or start is None:
            return
        seconds = min(tick.seconds, MAX_TICK)
        plain = start.position + twist[:3] * seconds
        if vector_norm(target.position - plain) > TINY:
            self.corrected_at = tick.now
            way = vector_norm(target.position - arm.pose.position)
            farthest = max(vector_norm(plain - arm.pose.position), vector_norm(twist[:3]) * seconds)
            assert way <= farthest + TINY, 'set away from the tool'
        self.check_acceleration(tick, self.before.control.sent.twist, twist)

    def check_restart(self, tick: Tick, arm: ArmState) -> None:
        control, seconds = tick.control, min(tick.seconds, MAX_TICK)
        if self.before and self.before.control.latched:
            self.source = Mode.HOLD
        if control.mode not in COMMAND_SOURCES:
            return
        if control.mode is not self.source:
            assert control.target is not None
            way = vector_norm(control.target.position - arm.pose.position)
            turn = vector_norm(rotation_between(arm.pose.orientation, control.target.orientation))
            assert way <= vector_norm(control.sent.twist[:3]) * seconds + TINY
            assert turn <= vector_norm(control.sent.twist[3:]) * seconds + TINY
        self.source = control.mode

    def check_box(self, target: np.ndarray, tool: np.ndarray, start: np.ndarray | None) -> None:
        def outside(place: np.ndarray) -> np.ndarray:
            low, high = np.array(self.limits.low), np.array(self.limits.high)
            return np.maximum(np.maximum(low - place, place - high), 0)

        allowed = outside(tool) if start is None else np.maximum(outside(tool), outside(start))
        assert (outside(target) <= allowed + TINY).all()

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
