"""Laws on what leaves the gate's node, checked tick by tick; written from the laws alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pinocchio as pin
from search_anchoring import Anchoring, angle, apart, distance
from search_arms import KINEMATICS, Setup
from search_links import SHRINKING, Links
from search_rig import Tick

from robo_dopamine_ros.safety.gate import GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import Mode

LAWS = (
    'speed',  # step of the tool <= speed x time since the last message
    'angular speed',
    'begin',  # the first message, or after a pause of more than 0.25 s: at the measured tool
    'box',  # inside, or no farther out than before or than the measured tool
    'joint speed',
    'joint acceleration',
    'still',  # while nobody may move the arm, and it has had time to brake: only to the tool
    're-anchoring',  # another source, rearm or release: motion continues from the measured tool
    'gripper',  # no message to it while no source moves the arm
    'unarmed',  # nothing is sent before the gate is armed
    'finite',
    'authority',  # a mode that moves only for a source that may
    'latch',  # stop lock, zone, late tick, silent driver: latched in the same tick
    'rearm',  # refused while a device says stop or is silent
    'joint limits',  # within those of the URDF, or no farther beyond than before or measured
    'slow',  # a source moves no faster while a zone says slow, once it has had time to slow down
    'told',  # `control` says what was sent
    'links',  # no two links, and no link and the table, come nearer than their margin
)
SHARE, FLOAT = 1.01, 2e-8  # 1 % and rounding [m, rad]
PAUSE = 0.25  # without a message, after which it begins at the measured tool [s]
LONGEST_STEP = 0.05  # a target moves for this time at most in one tick [s]
BEGIN = 1e-6  # how near to the measured one [m, rad]
ARRIVAL = (5e-4, 2.5e-3)  # lag that joints may make up at once, as having arrived [m, rad]
SETTLING = 0.02  # beyond the stop time: one tick [s]


@dataclass(frozen=True)
class Violation:
    """One broken law."""

    law: str
    tick: int
    now: float
    text: str
    excess: float


class Laws:
    """Compares every tick with the one before."""

    def __init__(self, setup: Setup, limits: Limits, settings: GateSettings) -> None:
        self.setup, self.limits = setup, limits
        self.armed = settings.armed
        self.worst: dict[str, float] = {}  # largest excess by law
        self.by_joints = setup.name != 'crisp'
        self.links = Links(setup) if setup.links else None
        self.overshoot = 0.01 if self.by_joints else 1e-6  # of the tool, on the way to it
        self.measures = (apart,) if self.by_joints else (distance, angle)
        self.through_wall = 5e-4 if self.by_joints else FLOAT  # rounding of joints in all [m]
        self._index = -1
        self._last: Tick | None = None  # newest one in which a pose was sent
        self._farthest = np.zeros(3)  # how far out of the box what is sent may be [m]
        self._resting: list[pin.SE3] | None = None  # nearest to the tool so far, by each measure
        self._velocity: np.ndarray | None = None  # of the joints sent [rad/s]
        self._moved = -math.inf  # when a source might move the arm last [s]
        self._anchoring = Anchoring(limits, self.by_joints)
        self._slow_since = math.inf

    def check(self, tick: Tick) -> list[Violation]:
        """Return which laws this tick breaks."""
        self._index += 1
        self.armed |= tick.rearmed
        if tick.allowed:
            self._moved = tick.now
        if not tick.slow:
            self._slow_since = math.inf
        self._slow_since = min(self._slow_since, tick.now)
        found = [
            Violation(law, self._index, tick.now, text, excess)
            for law, excess, text in self._broken(tick)
        ]
        if tick.pose is not None:
            self._last = tick
        return found

    def _broken(self, tick: Tick) -> Iterator[tuple[str, float, str]]:
        yield from self._decisions(tick)
        if tick.fingers and not tick.allowed:
            yield 'gripper', 0.0, f'{tick.fingers} m sent in {tick.control.mode.name}'
        if not np.isfinite(tick.numbers).all():
            yield 'finite', math.inf, f'{tick.numbers}'
        if not self.armed and (tick.pose is not None or tick.fingers):
            yield 'unarmed', 0.0, 'something was sent'
        if tick.pose is None:
            self._anchoring.clear()
            return
        if self.links is not None and tick.joints is not None:
            if self._last is None or tick.now - self._last.now > PAUSE:
                self.links.restart()
            shrunk, text = self.links.excess(tick.joints)
            if shrunk > SHRINKING:
                yield 'links', shrunk, text
        target = tick.control.target
        told = 6e-4 if self.by_joints else 1e-9  # of inverse kinematics that has arrived [m]
        if target is None or np.linalg.norm(target.position - tick.pose.translation) > told:
            yield 'told', 0.0, f'{target} told, {tick.pose.translation} sent'
        yield from self._box(tick)
        if self._last is None:
            yield from self._begin(tick)
        else:
            yield from self._steps(tick, self._last)
            yield from self._still(tick, self._last)
        off = self._anchoring.off(tick, self._last or tick)
        if off > 0:
            yield 're-anchoring', off, f'{1e3 * off:.2f} mm too far from where the tool was'

    def _decisions(self, tick: Tick) -> Iterator[tuple[str, float, str]]:
        control = tick.control
        if control.mode not in (Mode.HOLD, Mode.STOPPED) and control.mode not in tick.allowed:
            yield 'authority', 0.0, f'{control.mode.name} moves; allowed: {set(tick.allowed)}'
        if tick.latched and not (control.mode is Mode.STOPPED and control.latched):
            why = tick.must_stop or 'it was stopped'
            yield 'latch', 0.0, f'{control.mode.name} although {why}'
        if tick.refused_wrongly:
            yield 'rearm', 0.0, f'accepted although {tick.refused_wrongly}'

    def _steps(self, tick: Tick, last: Tick) -> Iterator[tuple[str, float, str]]:
        assert tick.pose is not None
        assert last.pose is not None
        seconds = tick.now - last.now
        step, turn = distance(last.pose, tick.pose), angle(last.pose, tick.pose)
        if seconds > PAUSE and (
            step > SHARE * self.limits.speed * PAUSE
            or turn > SHARE * self.limits.angular_speed * PAUSE
        ):
            yield from self._begin(tick)
        elif seconds <= PAUSE:
            limits = self.limits
            for law, moved, most in (
                ('speed', step, limits.speed * seconds),
                ('angular speed', turn, limits.angular_speed * seconds),
            ):
                excess = moved - SHARE * most
                self.worst[law] = max(self.worst.get(law, -1.0), moved / max(most, 1e-6) - 1)
                if excess > FLOAT:
                    yield law, moved / most - 1, f'{moved:.5f} in {seconds:.4f} s, most {most:.5f}'
            yield from self._slow(tick, step, turn, seconds)
        if tick.joints is not None and last.joints is not None:
            yield from self._joint_steps(tick, tick.joints, last.joints, seconds)

    def _begin(self, tick: Tick) -> Iterator[tuple[str, float, str]]:
        """The first message, and one after a pause, must be at what is measured."""
        assert tick.pose is not None
        assert tick.measured is not None
        if tick.joints is not None and tick.measured_joints is not None:
            gaps = [float(np.abs(tick.joints - tick.measured_joints).max())]
            most = [0.0]
        else:  # a source may move on in the same tick
            gaps = [distance(tick.pose, tick.measured), angle(tick.pose, tick.measured)]
            moves = LONGEST_STEP if tick.allowed else 0.0
            most = [moves * self.limits.speed, moves * self.limits.angular_speed]
        for gap, far in zip(gaps, most, strict=True):
            if gap > SHARE * far + BEGIN:
                yield 'begin', gap, f'{gap:.4f} m or rad from what is measured'

    def _slow(
        self, tick: Tick, step: float, turn: float, seconds: float
    ) -> Iterator[tuple[str, float, str]]:
        limits = self.limits
        slowing = (
            limits.speed / limits.acceleration,
            limits.angular_speed / limits.angular_acceleration,
        )
        if tick.now - self._slow_since <= max(limits.stop_time, 1.5 * max(slowing)) + SETTLING:
            return
        if tick.control.mode in (Mode.HOLD, Mode.STOPPED):
            return
        for unit, moved, speed, lag in (
            ('m', step, limits.speed, ARRIVAL[0]),
            ('rad', turn, limits.angular_speed, ARRIVAL[1]),
        ):
            most = limits.slow_scale * speed * seconds + (lag if self.by_joints else 0.0)
            if moved > SHARE * most + 1e-5:
                yield 'slow', moved / most - 1, f'{moved:.5f} {unit}, most {most:.5f}'

    def _joint_steps(
        self, tick: Tick, joints: np.ndarray, last: np.ndarray, seconds: float
    ) -> Iterator[tuple[str, float, str]]:
        if seconds <= 0:
            return
        ik, velocity = self.setup.ik, (joints - last) / seconds
        fastest = np.minimum(ik.speed, KINEMATICS[self.setup.described.name].velocity)
        beyond = self._beyond(joints) - self._beyond(last)
        if tick.measured_joints is not None:
            beyond = np.minimum(beyond, self._beyond(joints) - self._beyond(tick.measured_joints))
        if beyond.max() > FLOAT:
            yield 'joint limits', float(beyond.max()), f'{beyond.round(4)} rad'
        excess = float((np.abs(joints - last) - SHARE * fastest * seconds).max())
        if excess > FLOAT:
            yield 'joint speed', float(np.abs(velocity).max()), f'{velocity.round(3)} rad/s'
        before, self._velocity = self._velocity, velocity
        if seconds > PAUSE:
            self._velocity = np.zeros(len(joints))  # it begins at rest
            return
        if before is None:
            return
        change = float(np.abs(velocity - before).max())
        if change > SHARE * ik.acceleration * seconds + 1e-5:
            share = change / (ik.acceleration * seconds)
            yield 'joint acceleration', share, f'{change:.4f} rad/s in {seconds:.4f} s'

    def _beyond(self, joints: np.ndarray) -> np.ndarray:
        kinematics = KINEMATICS[self.setup.described.name]
        return np.maximum(np.maximum(kinematics.lower - joints, joints - kinematics.upper), 0.0)

    def _box(self, tick: Tick) -> Iterator[tuple[str, float, str]]:
        assert tick.pose is not None
        out = self._outside(tick.pose)
        measured = self._outside(tick.measured) if tick.measured else np.zeros(3)
        most = np.maximum(measured, self._farthest)
        excess = float((out - most).max())
        self._farthest = np.minimum(most, out)
        self.worst['box'] = max(self.worst.get('box', 0.0), excess)
        if excess > self.through_wall:
            yield 'box', excess, f'{1e3 * excess:.4f} mm farther out'

    def _outside(self, pose: pin.SE3) -> np.ndarray:
        low, high = np.array(self.limits.low), np.array(self.limits.high)
        p = pose.translation
        return np.maximum(np.maximum(low - p, p - high), 0.0)

    def _still(self, tick: Tick, last: Tick) -> Iterator[tuple[str, float, str]]:
        """What is sent goes to the tool, or stays: never farther away than it was before."""
        assert tick.pose is not None
        assert last.pose is not None
        braking = tick.now - self._moved <= self.limits.stop_time + SETTLING
        if braking or tick.measured is None or tick.now - last.now > PAUSE:
            self._resting = None
            return
        nearest = self._resting or [last.pose] * len(self.measures)
        away = [m(tick.pose, tick.measured) for m in self.measures]
        more = [
            a - m(n, tick.measured) for a, m, n in zip(away, self.measures, nearest, strict=True)
        ]
        self._resting = [tick.pose if m <= 0 else n for m, n in zip(more, nearest, strict=True)]
        self.worst['still'] = max(self.worst.get('still', 0.0), *more)
        if max(more) > self.overshoot:
            text = f'{max(more):.5f} m or rad farther from the tool in {tick.control.mode.name}'
            yield 'still', max(more), text
