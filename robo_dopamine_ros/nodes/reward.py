"""The reward node: camera views in, progress and reward out, at a fixed rate.

A timer polls the cameras and passes the newest set of images to one worker thread, which decodes
it, runs the model and publishes. Callbacks never wait for the model, and images that arrive while
it runs are replaced by newer ones.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from robo_dopamine_ros.clock import steady_time_ns
from robo_dopamine_ros.grm.loading import load
from robo_dopamine_ros.grm.protocol import GRM
from robo_dopamine_ros.nodes.reward_model import RewardModelParameters, base_arguments, load_model
from robo_dopamine_ros.reward.session import RewardSession, SessionParameters, Task
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.adapt_action import AdaptCommand, AdaptRewardServer, adapt_command
from robo_dopamine_ros.ros.cameras import CameraParameters, CameraSource, open_cameras
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.ros.diagnostics import CameraMonitor, Diagnostics, Health, Level
from robo_dopamine_ros.ros.images import views_from_msgs
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.time_sync import Match
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.types import SECOND, Episode, Instant, Progress, Reward


@dataclass(frozen=True)
class RewardNodeParameters(RewardModelParameters):
    """Parameters of the reward node."""

    rate: float = field(default=10.0, metadata={'range': (0.1, 100.0)})  # polls of the cameras [Hz]
    autostart: bool = True  # configure and activate at once
    cameras: CameraParameters = field(default_factory=CameraParameters)
    session: SessionParameters = field(default_factory=SessionParameters)


class RewardNode(LifecycleNode):
    """Connects cameras, reward model and episode manager."""

    def __init__(
        self, load: Callable[..., GRM] = load, adapt: AdaptCommand = adapt_command
    ) -> None:
        """`load` opens a model as grm/loading.py does; `adapt` gives the command that adapts it."""
        super().__init__('reward')
        self.parameters = p = declare(self, RewardNodeParameters)
        self.autostart = p.autostart
        self._load, self._adapt = load, adapt
        self._session: RewardSession | None = None
        self._episode = Episode()
        self._reading = Progress(stamp=0, reason='no reading yet')
        self._cameras: CameraSource | None = None
        self._camera_monitor = CameraMonitor()
        self._worker: Worker[Match[Any]] = Worker(self._on_images, self._on_worker_error)
        self._progress, self._reward = (
            self.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.PROGRESS, topics.REWARD)
        )
        episode, task = topics.EPISODE, topics.SET_TASK
        self.create_subscription(episode.type, episode.name, self._on_episode, episode.qos)
        self.create_service(task.type, task.name, self._on_set_task)
        self._adaptation = AdaptRewardServer(self, self._adapt_command, p.path, self._on_adapted)
        Diagnostics(self, self._health)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model; fails, and logs the reason, when it cannot be loaded."""
        try:
            model = self._load_model(self.parameters.path)
            self._session = RewardSession(model, self.parameters.session)
        except Exception as error:
            self.get_logger().error(f'cannot load the model: {error}')
            return TransitionCallbackReturn.FAILURE
        self._worker.call(partial(self._update_episode, self._episode))
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the cameras; fails, and logs the reason, where a synchronizer is not installed."""
        try:
            self._cameras = open_cameras(self, self.parameters.cameras)
        except ImportError as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        self._timer = create_steady_timer(self, 1.0 / self.parameters.rate, self._poll_cameras)
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the cameras."""
        self._close_cameras()
        return super().on_deactivate(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the cameras."""
        self._close_cameras()
        return super().on_shutdown(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the model."""
        self._session = None
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Stop the adaptation process and the worker thread."""
        self._adaptation.close()
        self._worker.close()

    def _close_cameras(self) -> None:
        if self._cameras is not None:
            self.destroy_timer(self._timer)
            self._cameras.close()
        self._cameras = None

    def _poll_cameras(self) -> None:
        match = self._cameras.poll() if self._cameras else None
        if match is not None:
            self._worker.offer(match)

    def _on_images(self, match: Match[Any]) -> None:
        """Decode a set of images, run the model and publish; in the worker thread."""
        cameras, session = self._cameras, self._session  # other threads may close them meanwhile
        if cameras is None:
            return
        views, absent = cameras.convert(match)
        if session is not None:
            now = Instant(steady_time_ns(), self._now())
            self._publish(*session.update(views, absent, now))
            session.prepare_next()

    def _on_worker_error(self, error: Exception) -> None:
        if self.context.ok():  # at shutdown the publishers may be gone before the last reading
            self.get_logger().error(f'worker: {error!r}')

    def _on_episode(self, message: Any) -> None:
        try:
            episode = from_msg(message)
        except ValueError as error:
            self.get_logger().error(f'episode refused: {error}')
            return
        if episode == self._episode:  # repeated as a heartbeat
            return
        self._episode = episode
        self._worker.discard()
        self._worker.call(partial(self._update_episode, episode))

    def _update_episode(self, episode: Episode) -> None:
        session = self._session
        if session is not None:
            self._publish(None, session.on_episode(episode))

    def _on_set_task(self, request: Any, response: Any) -> Any:
        try:
            bits = self.parameters.cameras.bit_depth
            start, goal = (views_from_msgs(v, bits) for v in (request.start, request.goal))
        except ValueError as error:
            response.reason = str(error)
            return response
        if self._session is None:
            response.reason = 'not configured'
            return response
        self._worker.call(partial(self._session.set_task, Task(request.instruction, start, goal)))
        response.accepted = True
        return response

    def _on_adapted(self, folder: Path) -> None:
        model = self._load_model(folder)
        if self._session is not None:
            self._worker.call(partial(self._session.set_model, model))

    def _load_model(self, folder: Path) -> GRM:
        return load_model(folder, self.parameters, self._load, self.get_logger().info)

    def _adapt_command(self, demonstration: Path, model: Path, seed: int) -> list[str]:
        return [*self._adapt(demonstration, model, seed), *base_arguments(self.parameters)]

    def _publish(self, reading: Progress | None, reward: Reward | None) -> None:
        if reading is not None:
            latency = (self._now() - reading.stamp) / SECOND
            self._reading = replace(reading, latency=latency)
            self._progress.publish(to_msg(self._reading))
        if reward is not None:
            self._reward.publish(to_msg(reward))

    def _health(self) -> Sequence[Health]:
        session, cameras, reading = self._session, self._cameras, self._reading
        if session is None or cameras is None:
            return [Health('reward', Level.STALE, 'not active')]
        level = Level.OK if reading.valid or not session.running else Level.WARN
        values = {
            'model': session.model,
            'latency [s]': reading.latency,
            'failures of the model': session.failures,
            'view skew [s]': cameras.stats.skew,
            'sets': cameras.stats.sets,
            'sets replaced before they were used': self._worker.dropped,
        }
        views = self._camera_monitor.update(self.parameters.cameras.views, cameras.stats)
        return [Health('reward', level, reading.reason or 'ok', values), *views]

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds


def main() -> int:
    """Run the node as a process."""
    return run_node(RewardNode)


if __name__ == '__main__':
    sys.exit(main())
