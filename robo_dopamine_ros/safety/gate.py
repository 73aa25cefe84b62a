"""What the arm is really told: wishes come in, one allowed target goes out, with the reason. Pure.

Who is in charge stands in mode.py, what is refused in refuse.py, what is limited in limit.py.
`now` is steady time [s] and drives every watchdog; `stamp` is ROS time [ns], for headers alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from robo_dopamine_ros.safety import mode
from robo_dopamine_ros.safety.explain import why
from robo_dopamine_ros.safety.limit import STILL, Motion, brake, follow
from robo_dopamine_ros.safety.limits import Limits
from robo_dopamine_ros.safety.measured import Measured, overload
from robo_dopamine_ros.safety.mode import MOVERS, TURNS, WANTS, Charge, Events
from robo_dopamine_ros.safety.source import Source
from robo_dopamine_ros.safety.watch import Watch
from robo_dopamine_ros.types import Action, ArmState, Control, Episode, Mode, Pose

NAMES = {mover: mover.name.lower() for mover in MOVERS}


@dataclass(frozen=True)
class Settings:
    """What a gate is told beside its limits."""

    frame: str = 'base'  # in which wishes must be
    armed: bool = False  # whether it may move the arm before it was rearmed once
    lock: bool = True  # whether the stop lock must be heard


class Gate:
    """Decides once a tick; a verb that is refused gives the reason, nothing otherwise.

    Nothing is told to the arm before the gate is armed. The target starts anew from the measured
    tool, at the velocity there is, whenever another mover acts than the one before, in every
    episode, after a release and after a rearming; and while the arm has a fault it stays there.
    Once stopped it returns there too, at once when the force is too large, so that an arm that was
    pressing presses no more.
    """

    def __init__(
        self, limits: Limits, settings: Settings, names: Mapping[Mode, str] = NAMES
    ) -> None:
        """`names` are the topics of the movers, as people read them."""
        waits = (limits.human_timeout, limits.reset_timeout, limits.policy_timeout)
        self._limits, self._names = limits, names
        self._sources = {
            mover: Source(names[mover], wait, limits.future, settings.frame)
            for mover, wait in zip(MOVERS, waits, strict=True)
        }
        self._watch = Watch(limits, settings.lock)
        self._measured = Measured(limits)
        self._charge = Charge() if settings.armed else Charge(Mode.STOPPED, 'not armed yet')
        self._asleep = not settings.armed  # until the first arming
        self._standing = 'the gate has not looked at the arm yet'  # what keeps it from rearming
        self._motion: Motion | None = None
        self._gripper = math.nan
        self._mover = (Mode.HOLD, '')  # who moved the arm last, and in which episode
        self._returns = math.inf  # steady time at which the target returns to the tool [s]

    def hear(self, source: Mode, wish: Action, frame: str, stamp: int, now: float) -> str:
        """Take in a wish of HUMAN, RESET or POLICY; gives why it is refused."""
        return self._sources[source].hear(wish, frame, stamp, now)

    def note(self, episode: Episode, now: float) -> None:
        """Hear the conductor."""
        self._watch.note(episode, now)

    def lock(self, locked: bool, now: float) -> None:
        """Hear the stop lock."""
        self._watch.lock(locked, now)

    def stop(self, cause: str, now: float) -> None:
        """Stop and latch."""
        self._turn(now, danger=cause)

    def take_over(self, now: float) -> str:
        """Hold for a person, whoever acts; only `release` hands back."""
        if self._charge.latch:
            return f'stopped: {self._charge.latch}; rearm first'
        self._turn(now, take_over=True)
        return ''

    def release(self, now: float) -> str:
        """Hand back what a person took over; refused while the person wants to move the arm."""
        human = self._sources[Mode.HUMAN]
        if human.voice(now) in WANTS:
            return f'{human.name} is active; let go of the dead-man first'
        if self._charge.owned:
            self._anew()
            self._turn(now, release=True)
        return ''

    def rearm(self, now: float) -> str:
        """Release the latch, without motion; refused while a cause stands. See mode.update."""
        if not self._charge.latch:
            return ''
        if self._standing:
            return self._standing
        self._anew()
        self._asleep = False
        self._turn(now, rearm=True)
        return ''

    def update(self, now: float, stamp: int, state: ArmState | str, danger: str = '') -> Control:
        """Decide one tick; `danger` is what else must stop the arm, as a rival on its topic."""
        elapsed = self._watch.tick(now)
        arm = self._measured.update(state, now)
        danger = danger or self._danger(arm, elapsed, now)
        self._standing = danger or (arm if isinstance(arm, str) else '')
        events = self._turn(now, danger=danger)
        limited = self._move(arm, now, elapsed)
        reason = why(self._charge, events, self._standing, self._names) or '; '.join(limited)
        return self._told(stamp, reason)

    def settle(self, control: Control, target: Pose, reason: str) -> Control:
        """Go on from where the arm was really sent when that is short of the target."""
        if not reason:
            return control
        if self._motion is not None:
            self._motion = replace(self._motion, target=target)
        return replace(
            control, target=target, reason='; '.join(filter(None, (control.reason, reason)))
        )

    def _anew(self) -> None:
        """Have the target start from the measured tool, now and when next somebody acts."""
        self._mover, self._returns = (Mode.HOLD, ''), -math.inf

    def _danger(self, arm: ArmState | str, elapsed: float, now: float) -> str:
        """Say what must stop the arm."""
        alive = self._measured.alive  # before, there is nothing to guard
        danger = (alive and self._watch.stalled(elapsed)) or self._watch.locked(now)
        if danger:
            return danger
        if isinstance(arm, str):
            return arm if alive else ''
        if arm.fault:
            return f'the arm reports: {arm.fault}'
        return overload(arm.wrench, self._limits)

    def _turn(self, now: float, **asked: Any) -> Events:
        """Say anew who is in charge; an arm that never spoke is moved by nobody."""
        heard = self._sources if self._measured.alive else {}
        events = Events(
            voices={mover: source.voice(now) for mover, source in heard.items()},
            words={mover: source.word(now) for mover, source in heard.items()},
            phase=self._watch.episode.phase,
            episode=self._watch.episode.id,
            conductor=self._watch.conductor(now),
            **asked,
        )
        before, self._charge = self._charge, mode.update(self._charge, events)
        if self._charge.latch and not before.latch:
            self._returns = now + self._limits.stop_time
        return events

    def _move(self, arm: ArmState | str, now: float, elapsed: float) -> list[str]:
        """Move the target for one tick; gives what limited it."""
        if isinstance(arm, str):
            self._motion = None  # nothing can be told; it starts from the tool once that is known
            return []
        if self._motion is None:
            self._motion = Motion(arm.pose, STILL)
        if not math.isfinite(self._gripper):
            self._gripper = arm.gripper
        if arm.fault or (self._returns < math.inf and overload(arm.wrench, self._limits)):
            self._returns, self._motion = math.inf, Motion(arm.pose, STILL)  # let go at once
        if self._starts(arm, now):
            self._motion = replace(self._motion, target=arm.pose)
        if self._charge.mode not in MOVERS:
            self._motion = brake(self._motion, arm.pose, self._limits, elapsed)
            return []
        wish = self._sources[self._charge.mode].wish
        self._gripper = wish.gripper
        twist = np.asarray(wish.twist, float)
        self._motion, reasons = follow(self._motion, twist, arm.pose, self._limits, elapsed)
        return reasons

    def _starts(self, arm: ArmState, now: float) -> bool:
        """Whether the target has to start anew from the measured tool."""
        acting = self._charge.mode
        mover = (acting, self._watch.episode.id if acting in TURNS else '')
        another = acting in MOVERS and mover != self._mover
        if acting in MOVERS:
            self._mover = mover
        returns = now >= self._returns
        if returns:
            self._returns = math.inf
        return another or returns or self._asleep or self._measured.jumped

    def _told(self, stamp: int, reason: str) -> Control:
        """Put into words what was decided."""
        acting, motion = self._charge.mode, self._motion
        moving = acting in MOVERS
        wish = self._sources[acting].wish if moving else None
        return Control(
            stamp=stamp,
            mode=acting,
            latched=bool(self._charge.latch),
            reason=reason,
            source=self._names[acting] if moving else '',
            sent=Action(
                stamp,
                twist=motion.twist if motion else STILL,
                gripper=self._gripper if math.isfinite(self._gripper) else 1.0,
                valid=moving,
                reason='' if moving else reason,
                policy_version=wish.policy_version if wish else 0,
            ),
            target=motion.target if motion and not self._asleep else None,
            wished=np.asarray(wish.twist, float) if wish else STILL,
        )
