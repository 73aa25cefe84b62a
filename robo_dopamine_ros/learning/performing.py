"""A policy at an arm: when it may act, what it wants, and what came of it. Pure.

`now` is steady time [s] and drives every watchdog; `stamp` is ROS time [ns], for headers alone.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from robo_dopamine_ros.learning.acting import Actor
from robo_dopamine_ros.learning.chain import Chain
from robo_dopamine_ros.learning.outbox import Outbox
from robo_dopamine_ros.learning.steps import Step
from robo_dopamine_ros.learning.tip import tip_state
from robo_dopamine_ros.types import Action, ArmState, Control, Episode, Kept, Views


@dataclass(frozen=True)
class PerformerParameters:
    """What a policy needs to act, and how it sees the arm."""

    oldest: float = 0.2  # older views, and silence of the gate, hold the arm [s]
    origin: tuple[float, ...] = (0.5, 0.0, 0.08)  # usual place of the work, base frame [m]
    reach: float = 0.045  # the tip that works beyond the tool, along its z [m]

    def __post_init__(self) -> None:
        if not 0.0 < self.oldest < math.inf:
            raise ValueError(f'oldest = {self.oldest} s; it must be above 0')
        if len(self.origin) != 3 or not all(map(math.isfinite, self.origin)):
            raise ValueError(f'origin = {self.origin}; it must be x, y, z [m]')
        if not 0.0 <= self.reach <= 1.0:
            raise ValueError(f'reach = {self.reach} m; it must be within 0..1 m')


class Performer:
    """Acts while an episode runs; steps are made whoever drives, and kept until they are durable.

    It waits for nothing: without new views the last wish stands while those it came from are young.
    """

    def __init__(self, actor: Actor, parameters: PerformerParameters, epoch: int) -> None:
        """`epoch` is higher at every start."""
        self.actor, self.chain, self.outbox = actor, Chain(epoch), Outbox(epoch)
        self.reason = ''  # why nothing is wanted
        self._p = parameters
        self._arm: tuple[ArmState, float] | None = None  # and when it was heard [s]
        self._control: tuple[Control, float] | None = None
        self._wish: Action | None = None  # for the step under way
        self._refused = ''  # why the newest views gave no frame

    def hear(self, word: ArmState | Control | Episode | Kept, now: float) -> None:
        """Hear the arm, the gate, the conductor or the recorder."""
        if isinstance(word, ArmState):
            self._arm = word, now
        elif isinstance(word, Control):
            self._control = word, now
            self.chain.hear(word)
        elif isinstance(word, Episode):
            self.chain.follow(word)
        else:
            self.outbox.hear(word, now)

    def tick(self, views: Views | None, late: str, now: float, stamp: int) -> Action:
        """Give a wish; `views` are new ones, `late` says which are too old to act by."""
        self.actor.look()
        missing = self._missing(now)
        if views is not None and self.chain.open and not missing:
            self._observe(views, stamp)
        self.reason = self._hindrance(missing or late, now)
        if self._wish is None or self.reason:
            return Action(stamp, valid=False, reason=self.reason)
        return replace(self._wish, stamp=stamp)

    def due(self, now: float) -> list[Step]:
        """Give the steps to be sent now."""
        return self.outbox.due(now)

    def _observe(self, views: Views, stamp: int) -> None:
        """Make a frame of new views, the step that ends on it, and a wish for what comes next."""
        assert self._arm is not None
        assert self._control is not None
        (arm, _), (control, _), p = self._arm, self._control, self._p
        self._wish, self._refused = None, ''
        try:
            state = tip_state(arm, control.target, np.array(p.origin), p.reach)
            frame = self.actor.frame(views, state)
        except ValueError as error:
            self._refused = str(error)
            return
        if step := self.chain.see(frame):
            self.outbox.put(step)
        if self.chain.frame is frame:
            self._wish = self.actor.decide(frame, control.sent.gripper, stamp)
            self.chain.decide(self._wish.twist)

    def _missing(self, now: float) -> str:
        """Why no frame can be made, views aside."""
        if not self.actor.version:
            return self.actor.fault
        for name, heard in (('arm/state', self._arm), ('control', self._control)):
            if heard is None:
                return f'nothing heard on {name} yet'
            if (age := now - heard[1]) > self._p.oldest:
                return f'{name} is silent for {age:.2f} s, longer than {self._p.oldest:.2f} s'
        return ''

    def _hindrance(self, blind: str, now: float) -> str:
        """Why nothing is wanted; empty when there is a wish."""
        if not self.chain.running:
            return 'no episode runs'
        reason = blind or self._refused or self.outbox.hindrance(now)
        return reason or ('' if self._wish else 'no view of this episode yet')
