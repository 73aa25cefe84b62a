"""The newest complete set of views for a policy, and the reason when it is too old."""

import math
from collections.abc import Mapping, Sequence

from rclpy.node import Node

from robo_dopamine_ros.ros.cameras import CameraParameters, open_cameras
from robo_dopamine_ros.ros.diagnostics import CameraMonitor, Health
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.types import SECOND, Views


class ViewPoller:
    """Polls the cameras on demand; sets with a missing view are skipped."""

    def __init__(self, node: Node, parameters: CameraParameters, max_age: float) -> None:
        """Views older than `max_age` [s] are stale.

        Raises ParameterError if the synchronizer is not installed.
        """
        self._views, self._max_age = parameters.views, max_age
        self._stamps: Mapping[str, int] = {}  # of the set returned last [ns]
        self._tolerance = parameters.limits.future_tolerance
        self._arrival = -math.inf  # of that set, steady time [s]
        self._refused: Mapping[str, str] = {}  # views whose newest image could not be decoded
        self._monitor = CameraMonitor()
        try:
            self._cameras = open_cameras(node, parameters)
        except ImportError as error:
            raise ParameterError(str(error)) from error

    def poll(self, now: float) -> Views | None:
        """The newest complete set at `now`, steady time [s]; None if it was returned before."""
        match = self._cameras.poll()
        if match is None or match.absent:
            return None
        views, self._refused = self._cameras.convert(match)
        if self._refused:
            return None
        self._stamps, self._arrival = views.stamps, now
        return views

    def stale_reason(self, now: float, stamp: int) -> str:
        """The stale views with their ages; '' while the last set is fresh.

        Its stamps count at ROS time `stamp` [ns], and its arrival at steady time `now` [s], because
        ROS time may stand still or go back.
        """
        set_ages = view_ages(self._stamps, stamp)
        if not stale_views(self._views, set_ages, self._max_age):
            return self._clock_fault(-min(set_ages.values()), now - self._arrival)
        stats = self._cameras.stats
        frozen = {v: reason for v, reason in stats.frozen.items() if v in stats.absent}
        named = [f'{view}: {reason}' for view, reason in {**self._refused, **frozen}.items()]
        named += stale_views(self._views, stats.ages, self._max_age)
        return '; '.join(named or stale_views(self._views, set_ages, self._max_age))

    def _clock_fault(self, ahead: float, silence: float) -> str:
        """Why a set that is fresh by its stamps is not; empty if it is. Both in [s]."""
        if ahead > self._tolerance:
            return f'the views are {ahead:.2f} s ahead of the clock, which was set back'
        return f'no new views for {silence:.2f} s' if silence > self._max_age else ''

    def health(self) -> list[Health]:
        """Status of each camera."""
        return self._monitor.update(self._views, self._cameras.stats)


def view_ages(stamps: Mapping[str, int], now: int) -> dict[str, float]:
    """Age of each stamp [s]."""
    return {view: (now - stamp) / SECOND for view, stamp in stamps.items()}


def stale_views(views: Sequence[str], ages: Mapping[str, float], max_age: float) -> list[str]:
    """Texts that name the views older than `max_age` [s], with their ages."""
    known = {view: ages.get(view, math.inf) for view in views}
    return [
        f'{view} is {age:.2f} s old' if age < math.inf else f'{view}: no picture yet'
        for view, age in known.items()
        if not age <= max_age
    ]
