"""Looks at cameras at a steady rate and hands what they show to slow work, the newest first."""

from collections.abc import Callable, Mapping
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, ManagedEntity, TransitionCallbackReturn

from robo_dopamine_ros.ros.cameras import CameraParameters, Cameras, open_cameras
from robo_dopamine_ros.ros.diagnostics import CameraWatch, Health
from robo_dopamine_ros.ros.matching import Match
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.types import Views

Judge = Callable[[Views, Mapping[str, str]], None]  # views, and why others have no picture


class Lookout(ManagedEntity):
    """Looks while its node is active.

    Callbacks of the node only take pictures; decoding and judging happen in one worker.
    """

    def __init__(
        self, node: LifecycleNode, cameras: CameraParameters, rate: float, judge: Judge
    ) -> None:
        """`rate` is in looks a second [Hz]."""
        self._node = node
        self._parameters = cameras
        self._rate = rate
        self._judge = judge
        self._cameras: Cameras | None = None
        self._watch = CameraWatch()
        self._worker: Worker[Match[Any]] = Worker(self._look, self._failed)

    @property
    def open(self) -> bool:
        """Whether the cameras are open."""
        return self._cameras is not None

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the cameras; fails, and says why, where a synchronizer is not installed."""
        try:
            self._cameras = open_cameras(self._node, self._parameters)
        except ImportError as error:
            self._node.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        self._timer = self._node.create_timer(1.0 / self._rate, self._tick)
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the cameras."""
        if self._cameras is not None:
            self._node.destroy_timer(self._timer)
            self._cameras.close()
        self._cameras = None
        return TransitionCallbackReturn.SUCCESS

    on_shutdown = on_deactivate

    def close(self) -> None:
        """End the worker for good, once it has done what was passed to `call`."""
        self._worker.close()

    def call(self, action: Callable[[], None]) -> None:
        """Run an action between two judgements, in their thread."""
        self._worker.call(action)

    def forget(self) -> None:
        """Drop the pictures that wait to be judged."""
        self._worker.forget()

    def figures(self) -> dict[str, object]:
        """What happened since the cameras were opened, for diagnostics."""
        if self._cameras is None:
            return {}
        counts = self._cameras.counts
        return {
            'view skew [s]': counts.skew,
            'sets': counts.sets,
            'sets replaced before they were used': self._worker.replaced,
        }

    def health(self) -> list[Health]:
        """How each camera is."""
        return (
            self._watch.look(self._parameters.views, self._cameras.counts) if self._cameras else []
        )

    def _tick(self) -> None:
        match = self._cameras.take() if self._cameras else None
        if match is not None:
            self._worker.offer(match)

    def _look(self, match: Match[Any]) -> None:
        cameras = self._cameras
        if cameras is not None:
            self._judge(*cameras.convert(match))

    def _failed(self, error: Exception) -> None:
        if self._node.context.ok():  # the last views may come when publishers are gone
            self._node.get_logger().error(f'worker: {error!r}')
