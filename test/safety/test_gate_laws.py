"""What the gate guarantees, over more than 100,000 random wishes.

Of every tick, seen from outside; `a` and `b` are the acceleration and what braking may take:

- box: on each axis the target is inside, or no farther out than the one before or the measured tool
- speed: linear and angular part of the sent twist keep theirs, by their length
- acceleration: the sent twist differs from the one before by a * time at most while somebody moves
  the arm, by b * time while it holds; it may only become slower by more, where a pushed arm brought
  a wall too near, or the force was too large
- way: the target moved by twist * time, or it was set nearer to the measured tool
- beginning: whoever moves the arm after another, or after a rearming, begins at the tool
- lead: the target is no farther from the measured tool than the lead, in metres and radians
- time-outs: the tick after one finds nobody in charge, is slower, and 0.3 s later all stands
- reasons: a refusal, a hold, a latch and a limited wish each have one
"""

import numpy as np
import pytest
from gate_world import WAITS, Heard, Tick, World

from robo_dopamine_ros.geometry import length, turn_between
from robo_dopamine_ros.safety.limit import LONGEST
from robo_dopamine_ros.safety.limits import Limits
from robo_dopamine_ros.safety.mode import MOVERS, TURNS
from robo_dopamine_ros.types import ArmState, Mode

SEEDS, TICKS, WISHES = 20, 4800, 5200
TINY = 1e-9
STOP = 0.3  # [s]


class Laws:
    """Checks one tick after another; knows only what went in and came out."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.before: Tick | None = None
        self.heard: dict[Mode, Heard] = {}  # newest that was accepted, of each source
        self.newest: dict[Mode, Heard] = {}  # newest at all
        self.held = 0.0  # steady time since when nobody moves the arm, 0: somebody does
        self.set_at = -9.0  # steady time at which the target was last set anew
        self.mover = Mode.HOLD  # who moved the arm last; HOLD: who comes next begins anew
        self.moved = 0  # ticks in which somebody moved the arm

    def check(self, tick: Tick) -> None:
        for heard in tick.heard:
            self.refusal(heard)
        self.reasons(tick)
        self.charge(tick)
        self.hold(tick)
        if tick.control.target is not None:
            assert isinstance(tick.state, ArmState)
            self.place(tick, tick.state)
        self.moved += tick.control.mode in MOVERS
        self.before = tick

    def refusal(self, heard: Heard) -> None:
        if heard.flaw and heard.wish.valid:
            assert heard.reason, f'{heard.flaw} was let through'
        self.newest[heard.source] = heard
        if not heard.reason:
            self.heard[heard.source] = heard

    def reasons(self, tick: Tick) -> None:
        control = tick.control
        assert control.latched == (control.mode is Mode.STOPPED)
        if control.mode not in MOVERS:
            assert control.reason
            assert control.sent.reason == control.reason
            return
        wish = self.heard[control.mode].wish
        if not np.allclose(control.sent.twist, wish.twist, atol=1e-5):
            assert control.reason, 'limited without a word'
        assert control.sent.gripper == wish.gripper

    def charge(self, tick: Tick) -> None:
        mode, before = tick.control.mode, self.before
        if before is not None and before.control.latched and 'rearm' not in tick.asked:
            assert mode is Mode.STOPPED, 'it resumed by itself'
        if mode in TURNS:
            assert tick.phase is TURNS[mode]
        if mode in MOVERS:
            newest = self.newest[mode]
            assert not newest.reason, f'it follows {newest}'
            assert newest.wish.valid
            assert tick.now - newest.now <= getattr(self.limits, WAITS[mode]) + TINY

    def hold(self, tick: Tick) -> None:
        """Whatever ended the motion, braking begins in this very tick and ends in time."""
        sent = tick.control.sent.twist
        assert np.isfinite(sent).all()
        if tick.control.mode in MOVERS:
            self.held = 0.0
            return
        self.held = self.held or tick.now
        if self.before is not None and tick.seconds > 0:
            for part in (slice(0, 3), slice(3, 6)):
                speed = length(self.before.control.sent.twist[part])
                assert length(sent[part]) < speed or speed == 0
        if tick.now - self.held >= STOP:
            assert not sent.any(), f'still at {sent} after {tick.now - self.held:.3f} s'

    def place(self, tick: Tick, arm: ArmState) -> None:
        control, limits = tick.control, self.limits
        target, twist = control.target, control.sent.twist
        assert target is not None
        assert length(twist[:3]) <= limits.speed + TINY
        assert length(twist[3:]) <= limits.turning + TINY
        assert length(target.position - arm.pose.position) <= limits.lead + TINY
        turn = turn_between(arm.pose.orientation, target.orientation)
        assert length(turn) <= limits.lead_turn + TINY
        self.beginning(tick, arm)
        start = self.before.control.target if self.before else None
        self.box(target.position, arm.pose.position, None if start is None else start.position)
        if self.before is None or start is None:
            return
        seconds = min(tick.seconds, LONGEST)
        plain = start.position + twist[:3] * seconds
        if length(target.position - plain) > TINY:
            self.set_at = tick.now
            way = length(target.position - arm.pose.position)
            farthest = max(length(plain - arm.pose.position), length(twist[:3]) * seconds)
            assert way <= farthest + TINY, 'set away from the tool'
        self.acceleration(tick, self.before.control.sent.twist, twist)

    def beginning(self, tick: Tick, arm: ArmState) -> None:
        control, seconds = tick.control, min(tick.seconds, LONGEST)
        if self.before and self.before.control.latched:
            self.mover = Mode.HOLD
        if control.mode not in MOVERS:
            return
        if control.mode is not self.mover:
            assert control.target is not None
            way = length(control.target.position - arm.pose.position)
            turn = length(turn_between(arm.pose.orientation, control.target.orientation))
            assert way <= length(control.sent.twist[:3]) * seconds + TINY
            assert turn <= length(control.sent.twist[3:]) * seconds + TINY
        self.mover = control.mode

    def box(self, target: np.ndarray, tool: np.ndarray, start: np.ndarray | None) -> None:
        def outside(place: np.ndarray) -> np.ndarray:
            low, high = np.array(self.limits.low), np.array(self.limits.high)
            return np.maximum(np.maximum(low - place, place - high), 0)

        allowed = outside(tool) if start is None else np.maximum(outside(tool), outside(start))
        assert (outside(target) <= allowed + TINY).all()

    def acceleration(self, tick: Tick, before: np.ndarray, after: np.ndarray) -> None:
        limits, holds = self.limits, tick.control.mode not in MOVERS
        for part, speed, most, pushed in (
            (slice(0, 3), limits.speed, limits.acceleration, tick.now - self.set_at < 1.0),
            (slice(3, 6), limits.turning, limits.angular_acceleration, False),
        ):
            change = length(after[part] - before[part])
            if holds:
                allowed = max(most, 1.5 * speed / limits.stop_time) * tick.seconds
            else:
                allowed = most * min(tick.seconds, LONGEST)
            if change > allowed + TINY:
                slower = (np.abs(after[part]) <= np.abs(before[part]) + TINY).all()
                latched = tick.control.latched and not after.any()
                assert latched or (pushed and slower), f'{change} above {allowed}'


@pytest.mark.parametrize('seed', range(SEEDS))
def test_laws_hold_in_a_random_world(seed: int) -> None:
    world = World(seed)
    laws = Laws(world.limits)
    for tick in world.ticks(TICKS):
        laws.check(tick)
    assert world.wishes >= WISHES
    assert laws.moved > TICKS / 10
    assert SEEDS * WISHES > 100_000
