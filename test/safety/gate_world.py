"""A random world around a gate: an arm that lags, slips and is pushed; sources that misbehave.

Chance comes in: the same seed is the same world. `Tick` keeps what the laws are checked on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from robo_dopamine_ros.geometry import clipped, moved, turn_between, turned
from robo_dopamine_ros.safety.gate import Gate, Settings
from robo_dopamine_ros.safety.limits import Limits
from robo_dopamine_ros.safety.mode import MOVERS
from robo_dopamine_ros.types import SECOND, Action, ArmState, Control, Episode, Mode, Phase, Pose

FRAME = 'base'
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
NAN, INF = float('nan'), float('inf')
RATES = {Mode.HUMAN: 40.0, Mode.RESET: 30.0, Mode.POLICY: 15.0}
WAITS = {Mode.HUMAN: 'human_timeout', Mode.RESET: 'reset_timeout', Mode.POLICY: 'policy_timeout'}


@dataclass(frozen=True)
class Heard:
    """A wish and what became of it."""

    source: Mode
    wish: Action
    flaw: str  # what the world did to it, empty when nothing
    reason: str  # why the gate refused it
    now: float  # steady time [s]


@dataclass(frozen=True)
class Tick:
    """One tick as seen from outside."""

    now: float
    seconds: float  # since the tick before
    state: ArmState | str
    control: Control
    heard: tuple[Heard, ...]  # since the tick before
    asked: frozenset[str]  # verbs that were accepted since the tick before
    phase: Phase


def limits_of(rng: np.random.Generator) -> Limits:
    """Limits of some cell."""
    speed, turning = rng.uniform(0.03, 0.5), rng.uniform(0.2, 2.0)
    return Limits(
        speed=speed,
        turning=turning,
        acceleration=rng.uniform(0.1, 3.0),
        angular_acceleration=rng.uniform(0.5, 10.0),
        lead=rng.uniform(0.01, 0.08),
        lead_turn=rng.uniform(0.05, 0.6),
        force=30.0 if rng.random() < 0.5 else 0.0,
        jumps=bool(rng.random() < 0.3),
        stop_time=rng.uniform(0.15, 0.3),
    )


class World:
    """Everything outside the gate."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.limits = limits_of(rng)
        self.gate = Gate(self.limits, Settings(FRAME, armed=bool(seed % 2), lock=bool(seed % 3)))
        self.now, self.clock = 100.0, 10**18  # steady [s], ROS [ns]
        self.pose = Pose(rng.uniform((0.2, -0.4, -0.05), (0.8, 0.4, 0.65)), DOWN)
        self.phase, self.episode = Phase.IDLE, 0
        self.next = dict.fromkeys(MOVERS, 0.0)  # steady time of each one's next word
        self.mood: dict[Mode, np.ndarray] = {mover: np.zeros(6) for mover in MOVERS}
        self.push = np.zeros(6)
        self.calm = True
        self.wishes = 0

    def ticks(self, count: int) -> Iterator[Tick]:
        """Let the world go on."""
        target: Pose | None = None
        for k in range(count):
            if k % 100 == 0:
                self._season()
            seconds = self._pass()
            self._arm(target, seconds)
            heard = tuple(h for mover in MOVERS for h in self._speak(mover))
            asked = self._ask()
            state = self._state()
            control = self.gate.update(self.now, self.clock, state, self._danger())
            target = control.target
            yield Tick(self.now, seconds, state, control, heard, asked, self.phase)

    def _season(self) -> None:
        """A few seconds of good manners, or of bad ones."""
        rng = self.rng
        self.calm = bool(rng.random() < 0.6)
        self.push = rng.normal(0, 0.3, 6) if rng.random() < 0.3 else np.zeros(6)
        if rng.random() < 0.5:
            self.phase = Phase(int(rng.choice([0, 1, 2, 2, 2])))
            self.episode += 1
        self.mute = {mover for mover in MOVERS if rng.random() < 0.5}

    def _pass(self) -> float:
        """Time passes, by two clocks, one of which people set."""
        rng, luck = self.rng, self.rng.random()
        seconds = 0.02 if self.calm else rng.uniform(0.002, 0.05)
        if luck < 0.002:
            seconds = rng.uniform(0.05, 0.5)
        self.now += seconds
        self.clock += int(seconds * SECOND)
        if not self.calm and luck > 0.997:
            self.clock += int(rng.normal(0, 3) * SECOND)
        return seconds

    def _arm(self, target: Pose | None, seconds: float) -> None:
        """The arm follows with a lag, and yields to who pushes it."""
        rng = self.rng
        if target is not None:
            share = min(1.0, seconds / 0.05)
            step = share * (target.position - self.pose.position)
            turn = share * turn_between(self.pose.orientation, target.orientation)
            self.pose = Pose(self.pose.position + step, turned(self.pose.orientation, turn))
        self.pose = moved(self.pose, self.push, seconds)
        far = self.pose.position - (0.5, 0.0, 0.3)
        if np.linalg.norm(far) > 0.8:  # the end of its reach
            self.pose = replace(self.pose, position=np.array((0.5, 0.0, 0.3)) + clipped(far, 0.8))
            self.push = -self.push
        if not self.calm and rng.random() < 0.002:
            self.pose = replace(self.pose, position=self.pose.position + rng.normal(0, 0.2, 3))

    def _state(self) -> ArmState | str:
        rng = self.rng
        noise = rng.normal(0, 1e-5, 3)
        pose, fault = replace(self.pose, position=self.pose.position + noise), ''
        wrench = rng.normal(0, 3, 6)
        if not self.calm:
            luck = rng.random()
            if luck < 0.002:
                return 'silence on current_pose for 0.11 s'
            if luck < 0.003:
                pose = replace(pose, position=np.array([NAN, 0.0, 0.3]))
            elif luck < 0.004:
                pose = replace(pose, orientation=np.zeros(4))
            elif luck < 0.005:
                fault = 'reflex'
            elif luck < 0.006:
                wrench = wrench * 100
        zeros = np.zeros(7)
        return ArmState(
            self.clock, pose, np.zeros(6), zeros, zeros, tuple('abcdefg'), 0.5, wrench, fault
        )

    def _danger(self) -> str:
        return 'a rival' if not self.calm and self.rng.random() < 0.001 else ''

    def _speak(self, source: Mode) -> Iterator[Heard]:
        """A source says what it wants, when it wants."""
        rng = self.rng
        if self.now < self.next[source] or (source in self.mute and not self.calm):
            return
        self.next[source] = self.now + rng.uniform(0.5, 1.5) / RATES[source]
        for _ in range(1 if self.calm else int(rng.integers(0, 4))):
            if rng.random() < 0.1:
                self.mood[source] = rng.normal(0, 1, 6) * rng.choice([0.0, 0.05, 0.3, 100.0])
            wants = source is not Mode.HUMAN or source not in self.mute
            wish = Action(
                self.clock - int(rng.uniform(0, 0.03) * SECOND),
                twist=self.mood[source],
                gripper=float(rng.random()),
                valid=bool(wants and rng.random() < 0.995),
                reason='nothing to do',
            )
            flaw = '' if self.calm or rng.random() < 0.9 else str(rng.choice(list(FLAWS)))
            wish, frame = FLAWS[flaw](wish, rng) if flaw else (wish, FRAME)
            self.wishes += 1
            reason = self.gate.hear(source, wish, frame, self.clock, self.now)
            yield Heard(source, wish, flaw, reason, self.now)

    def _ask(self) -> frozenset[str]:
        """People, the stop lock and the conductor do what they do."""
        rng, gate, now = self.rng, self.gate, self.now
        luck = rng.random()
        if self.calm or luck > 0.05:
            gate.lock(not self.calm and luck > 0.999, now)
            gate.note(Episode(id=f'e{self.episode}', phase=self.phase), now)
        verbs = {'rearm': 0.1, 'release': 0.06, 'take_over': 0.001, 'stop': 0.0005}
        asked = [verb for verb, share in verbs.items() if rng.random() < share]
        done = set()
        for verb in asked:
            if verb == 'stop':
                gate.stop('stop was called', now)
                done.add(verb)
            elif not getattr(gate, verb)(now):
                done.add(verb)
        return frozenset(done)


def _twist(value: object):
    return lambda wish, rng: (replace(wish, twist=np.asarray(value)), FRAME)


def _late(seconds: float):
    return lambda wish, rng: (replace(wish, stamp=wish.stamp - int(seconds * SECOND)), FRAME)


FLAWS = {  # each makes a valid wish one that must be refused
    'NaN': _twist([0.0, NAN, 0, 0, 0, 0]),
    'infinite': _twist([0.0, 0, 0, 0, -INF, 0]),
    'short': _twist([0.1, 0.0]),
    'tall': _twist([[0.1], [0], [0], [0], [0], [0]]),
    'frame': lambda wish, rng: (wish, 'fr3_hand_tcp'),
    'no frame': lambda wish, rng: (wish, ''),
    'stale': _late(0.5),
    'ancient': _late(1e6),
    'future': _late(-0.2),
    'gripper': lambda wish, rng: (replace(wish, gripper=1.01), FRAME),
    'gripper NaN': lambda wish, rng: (replace(wish, gripper=NAN), FRAME),
    'joints': lambda wish, rng: (replace(wish, joints=np.zeros(7)), FRAME),
}
