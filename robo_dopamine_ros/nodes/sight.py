"""The newest complete set of views, taken without waiting, and why there is none to act by."""

import math
from collections.abc import Mapping, Sequence

from rclpy.node import Node

from robo_dopamine_ros.ros.cameras import CameraParameters, open_cameras
from robo_dopamine_ros.ros.diagnostics import CameraWatch, Health
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.types import SECOND, Views


class Sight:
    """Looks when it is asked to; sets in which a view is missing are left out."""

    def __init__(self, node: Node, parameters: CameraParameters, oldest: float) -> None:
        """Views older than `oldest` [s] are too old to act by."""
        self._views, self._oldest = parameters.views, oldest
        self._stamps: Mapping[str, int] = {}  # of the set that was seen last [ns]
        self._refused: Mapping[str, str] = {}  # views whose newest picture could not be read
        self._watch = CameraWatch()
        try:
            self._cameras = open_cameras(node, parameters)
        except ImportError as error:
            raise ParameterError(str(error)) from error

    def look(self) -> Views | None:
        """Give the newest complete set, unless it was given before."""
        match = self._cameras.take()
        if match is None or match.absent:
            return None
        views, self._refused = self._cameras.convert(match)
        if self._refused:
            return None
        self._stamps = views.stamps
        return views

    def fault(self, now: int) -> str:
        """Name the views that keep the set seen last from being young enough; `now` is [ns]."""
        set_ages = ages_of(self._stamps, now)
        if not late(self._views, set_ages, self._oldest):
            return ''
        ages = self._cameras.counts.ages
        named = [f'{view}: {reason}' for view, reason in self._refused.items()]
        named += late(self._views, ages, self._oldest)
        return '; '.join(named or late(self._views, set_ages, self._oldest))

    def health(self) -> list[Health]:
        """How each camera is."""
        return self._watch.look(self._views, self._cameras.counts)


def ages_of(stamps: Mapping[str, int], now: int) -> dict[str, float]:
    """Age of each stamp [s]."""
    return {view: (now - stamp) / SECOND for view, stamp in stamps.items()}


def late(views: Sequence[str], ages: Mapping[str, float], oldest: float) -> list[str]:
    """Name the views that are too old, and how old they are."""
    found = {view: ages.get(view, math.inf) for view in views}
    return [
        f'{view} is {age:.2f} s old' if age < math.inf else f'{view}: no picture yet'
        for view, age in found.items()
        if not age <= oldest
    ]
