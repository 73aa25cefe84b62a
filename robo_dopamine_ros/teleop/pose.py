"""A tracked hand, as PoseStamped on teleop/pose, with a clutch: only relative motion counts.

Pressing the clutch anchors the hand, and from then on the tool goes where the hand goes; letting
go and pressing anew anchors it anew, so one can reposition the hand. Stamps are not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robo_dopamine_ros.geometry import IDENTITY, moved, rotated_twist, turn_between, turned
from robo_dopamine_ros.teleop.clutch import Clutch, ClutchMap
from robo_dopamine_ros.teleop.layout import finite
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.teleop.reading import STILL, BadReadingError, Reading
from robo_dopamine_ros.teleop.twist import check_stream
from robo_dopamine_ros.types import Pose

TOPIC, TYPE = 'teleop/pose', 'geometry_msgs/msg/PoseStamped'


@dataclass(frozen=True)
class PoseMap:
    """How a hand's motion becomes that of the tool."""

    scale: float = 1.0  # metres of the tool for one of the hand
    turn_scale: float = 1.0  # turn of the tool for one of the hand
    gain: float = 8.0  # how briskly the tool catches up with the hand [1/s]
    silence: float = 0.2  # without a pose for so long the device is dead [s]
    clutch: ClutchMap = field(default_factory=ClutchMap)

    def __post_init__(self) -> None:
        check_stream(self.scale, self.turn_scale, self.silence)
        if not 0 < self.gain <= 20:
            raise ValueError(f'gain = {self.gain} 1/s; it must be above 0, at most 20')


class Hand:
    """A stream of poses of a hand, followed while the clutch is held."""

    def __init__(self, layout: PoseMap, pace: Pace, frame: str):
        """`frame` base: the hand's frame is the base's; tool: what the hand holds is the tool."""
        self._layout, self._pace, self._frame = layout, pace, frame
        self._clutch = Clutch(layout.clutch)
        self.hears: Mapping[str, str] = {TOPIC: TYPE, **self._clutch.hears}
        self.silence = layout.silence
        self._anchor: Pose | None = None

    def hear(self, topic: str, value: Any, now: float) -> Reading:
        """Take in a pose of the hand, or what the clutch's topic says."""
        if topic != TOPIC:
            pressed = self._clutch.hear(topic, value, now)
            if not self._clutch.held:
                self._anchor = None
            return Reading(self._clutch.held, None, pressed)
        hand = checked(topic, value)
        if not self._clutch.speaks(now):
            return Reading(self._clutch.held, None)
        if not self._clutch.held:
            return Reading(held=False)
        if self._anchor is None:
            self._anchor, self._gone = hand, Pose(np.zeros(3), IDENTITY)
            self._twist, self._heard = STILL, now
        return Reading(True, self._follow(self._anchor, hand, now))

    def look(self, now: float) -> None:
        """It speaks by itself."""

    def _follow(self, anchor: Pose, hand: Pose, now: float) -> np.ndarray:
        """Twist that leads the tool, which has `gone` so far, to where the hand went."""
        self._gone = moved(self._gone, self._twist, min(now - self._heard, self.silence))
        step = self._layout.scale * (hand.position - anchor.position) - self._gone.position
        turn = self._layout.turn_scale * turn_between(anchor.orientation, hand.orientation)
        rest = turn_between(self._gone.orientation, turned(IDENTITY, turn))
        self._twist = self._pace.bounded(self._layout.gain * np.append(step, rest))
        self._heard = now
        if self._frame == 'base':
            return self._twist
        return rotated_twist(self._twist, _inverse(hand.orientation))


def checked(topic: str, pose: Pose) -> Pose:
    """The pose with a unit quaternion, or BadReadingError."""
    place, quaternion = finite(topic, pose.position, 3), finite(topic, pose.orientation, 4)
    if not 0.5 < (norm := float(np.linalg.norm(quaternion))) < 2.0:
        text = f'{topic}: orientation {quaternion.tolist()}; it must be a unit quaternion'
        raise BadReadingError(text)
    return Pose(place, quaternion / norm)


def _inverse(orientation: np.ndarray) -> np.ndarray:
    x, y, z, w = orientation
    return np.array([-x, -y, -z, w])
