"""A random environment of a gate: an arm that lags, slips and is pushed; faulty command sources.

The same seed gives the same sequence. `Tick` holds what the laws are checked on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from robo_dopamine_ros.geometry import apply_rotation, clip_norm, integrate_twist, rotation_between
from robo_dopamine_ros.safety.arbitration import COMMAND_SOURCES
from robo_dopamine_ros.safety.gate import Gate, GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import (
    SECOND,
    ArmCommand,
    ArmState,
    Control,
    Episode,
    Mode,
    Phase,
    Pose,
)

FRAME = 'base'
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
MEASURED_OPENING = 0.5
NAN, INF = float('nan'), float('inf')
RATES = {Mode.HUMAN: 40.0, Mode.RESET: 30.0, Mode.POLICY: 15.0}
TIMEOUTS = {Mode.HUMAN: 'human_timeout', Mode.RESET: 'reset_timeout', Mode.POLICY: 'policy_timeout'}


@dataclass(frozen=True)
class ReceivedCommand:
    """A command and whether it was refused."""

    source: Mode
    command: ArmCommand
    flaw: str  # what is wrong with it, empty: nothing
    reason: str  # why the gate refused it
    now: float  # steady time [s]


@dataclass(frozen=True)
class Tick:
    """One tick as seen from outside."""

    now: float
    seconds: float  # since the tick before
    state: ArmState | str
    control: Control
    commands: tuple[ReceivedCommand, ...]  # since the tick before
    requests: frozenset[str]  # accepted since the tick before
    phase: Phase
    gripper_command: float  # what the driver of the gripper is sent, NaN: nothing


def random_limits(rng: np.random.Generator) -> Limits:
    """Random limits."""
    speed, turning = rng.uniform(0.03, 0.5), rng.uniform(0.2, 2.0)
    return Limits(
        speed=speed,
        angular_speed=turning,
        acceleration=rng.uniform(0.1, 3.0),
        angular_acceleration=rng.uniform(0.5, 10.0),
        max_tracking_error=rng.uniform(0.01, 0.08),
        max_rotation_error=rng.uniform(0.05, 0.6),
        force=30.0 if rng.random() < 0.5 else 0.0,
        allow_pose_jumps=bool(rng.random() < 0.3),
        stop_time=rng.uniform(0.15, 0.3),
    )


class GateSimulation:
    """Arm, sources, people and clocks around a gate."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.limits = random_limits(rng)
        self.gate = Gate(
            self.limits, GateSettings(FRAME, armed=bool(seed % 2), require_stop_lock=bool(seed % 3))
        )
        self.now, self.clock = 100.0, 10**18  # steady [s], ROS [ns]
        self.pose = Pose(rng.uniform((0.2, -0.4, -0.05), (0.8, 0.4, 0.65)), DOWN)
        self.phase, self.episode = Phase.IDLE, 0
        self.next = dict.fromkeys(COMMAND_SOURCES, 0.0)  # steady time of each one's next command
        self.twists: dict[Mode, np.ndarray] = {source: np.zeros(6) for source in COMMAND_SOURCES}
        self.push = np.zeros(6)
        self.is_calm = True
        self.sent = 0

    def ticks(self, count: int) -> Iterator[Tick]:
        """Simulate and yield this many ticks."""
        target: Pose | None = None
        for k in range(count):
            if k % 100 == 0:
                self._change_conditions()
            seconds = self._advance_clocks()
            self._move_arm(target, seconds)
            commands = tuple(c for source in COMMAND_SOURCES for c in self._send_commands(source))
            requests = self._request()
            state = self._state()
            control = self.gate.update(self.now, self.clock, state, self._stop_reason())
            target = control.target
            gripper = self.gate.gripper_command
            yield Tick(self.now, seconds, state, control, commands, requests, self.phase, gripper)

    def _change_conditions(self) -> None:
        """Choose the conditions of the next ticks: calm or faulty."""
        rng = self.rng
        self.is_calm = bool(rng.random() < 0.6)
        self.push = rng.normal(0, 0.3, 6) if rng.random() < 0.3 else np.zeros(6)
        if rng.random() < 0.5:
            self.phase = Phase(int(rng.choice([0, 1, 2, 2, 2])))
            self.episode += 1
        self.silent = {source for source in COMMAND_SOURCES if rng.random() < 0.5}

    def _advance_clocks(self) -> float:
        """Advance the steady clock, and the ROS clock, which may be set."""
        rng, luck = self.rng, self.rng.random()
        seconds = 0.02 if self.is_calm else rng.uniform(0.002, 0.05)
        if luck < 0.002:
            seconds = rng.uniform(0.05, 0.5)
        self.now += seconds
        self.clock += int(seconds * SECOND)
        if not self.is_calm and luck > 0.997:
            self.clock += int(rng.normal(0, 3) * SECOND)
        return seconds

    def _move_arm(self, target: Pose | None, seconds: float) -> None:
        """Follow the target with a lag, and yield to the push."""
        rng = self.rng
        if target is not None:
            share = min(1.0, seconds / 0.05)
            step = share * (target.position - self.pose.position)
            turn = share * rotation_between(self.pose.orientation, target.orientation)
            self.pose = Pose(self.pose.position + step, apply_rotation(self.pose.orientation, turn))
        self.pose = integrate_twist(self.pose, self.push, seconds)
        far = self.pose.position - (0.5, 0.0, 0.3)
        if np.linalg.norm(far) > 0.8:  # out of reach
            self.pose = replace(self.pose, position=np.array((0.5, 0.0, 0.3)) + clip_norm(far, 0.8))
            self.push = -self.push
        if not self.is_calm and rng.random() < 0.002:
            self.pose = replace(self.pose, position=self.pose.position + rng.normal(0, 0.2, 3))

    def _state(self) -> ArmState | str:
        rng = self.rng
        noise = rng.normal(0, 1e-5, 3)
        pose, fault = replace(self.pose, position=self.pose.position + noise), ''
        wrench = rng.normal(0, 3, 6)
        if not self.is_calm:
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
            self.clock,
            pose,
            np.zeros(6),
            zeros,
            zeros,
            tuple('abcdefg'),
            MEASURED_OPENING,
            wrench,
            fault,
        )

    def _stop_reason(self) -> str:
        return 'a second publisher' if not self.is_calm and self.rng.random() < 0.001 else ''

    def _send_commands(self, source: Mode) -> Iterator[ReceivedCommand]:
        """Send the commands of a source that are due, some of them invalid."""
        rng = self.rng
        if self.now < self.next[source] or (source in self.silent and not self.is_calm):
            return
        self.next[source] = self.now + rng.uniform(0.5, 1.5) / RATES[source]
        for _ in range(1 if self.is_calm else int(rng.integers(0, 4))):
            if rng.random() < 0.1:
                self.twists[source] = rng.normal(0, 1, 6) * rng.choice([0.0, 0.05, 0.3, 100.0])
            wants = source is not Mode.HUMAN or source not in self.silent
            command = ArmCommand(
                self.clock - int(rng.uniform(0, 0.03) * SECOND),
                twist=self.twists[source],
                gripper=float(rng.random()),
                valid=bool(wants and rng.random() < 0.995),
                reason='nothing to do',
            )
            flaw = '' if self.is_calm or rng.random() < 0.9 else str(rng.choice(list(FLAWS)))
            command, frame = FLAWS[flaw](command, rng) if flaw else (command, FRAME)
            self.sent += 1
            reason = self.gate.on_command(source, command, frame, self.clock, self.now)
            yield ReceivedCommand(source, command, flaw, reason, self.now)

    def _request(self) -> frozenset[str]:
        """Publish stop lock and episode; make random requests and return those accepted."""
        rng, gate, now = self.rng, self.gate, self.now
        luck = rng.random()
        if self.is_calm or luck > 0.05:
            gate.on_stop_lock(not self.is_calm and luck > 0.999, now)
            gate.on_episode(Episode(id=f'e{self.episode}', phase=self.phase), now)
        verbs = {'rearm': 0.1, 'release': 0.06, 'take_over': 0.001, 'stop': 0.0005}
        chosen = [verb for verb, share in verbs.items() if rng.random() < share]
        done = set()
        for verb in chosen:
            if verb == 'stop':
                gate.stop('stop was called', now)
                done.add(verb)
            elif not getattr(gate, verb)(now):
                done.add(verb)
        return frozenset(done)


def _twist(value: object):
    return lambda command, rng: (replace(command, twist=np.asarray(value)), FRAME)


def _late(seconds: float):
    return lambda command, rng: (
        replace(command, stamp=command.stamp - int(seconds * SECOND)),
        FRAME,
    )


FLAWS = {  # each makes a valid command one that must be refused
    'NaN': _twist([0.0, NAN, 0, 0, 0, 0]),
    'infinite': _twist([0.0, 0, 0, 0, -INF, 0]),
    'short': _twist([0.1, 0.0]),
    'tall': _twist([[0.1], [0], [0], [0], [0], [0]]),
    'frame': lambda command, rng: (command, 'fr3_hand_tcp'),
    'no frame': lambda command, rng: (command, ''),
    'stale': _late(0.5),
    'ancient': _late(1e6),
    'future': _late(-0.2),
    'gripper': lambda command, rng: (replace(command, gripper=1.01), FRAME),
    'gripper NaN': lambda command, rng: (replace(command, gripper=NAN), FRAME),
    'joints': lambda command, rng: (replace(command, joints=np.zeros(7)), FRAME),
}
