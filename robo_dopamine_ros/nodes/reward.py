"""The reward node: camera views in, progress and reward out, at a steady rate."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from robo_dopamine_ros.reward.compact import load
from robo_dopamine_ros.reward.grm import GRM
from robo_dopamine_ros.reward.session import Session, SessionParameters, Task
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.adaptation import Adaptation, Command, training
from robo_dopamine_ros.ros.cameras import CameraParameters, Cameras, decode_views, open_cameras
from robo_dopamine_ros.ros.convert import episode_from_msg, progress_to_msg, reward_to_msg
from robo_dopamine_ros.ros.diagnostics import CameraWatch, Diagnostics, Health, Level
from robo_dopamine_ros.ros.environment import shared
from robo_dopamine_ros.ros.matching import Match
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.types import SECOND, Episode, Progress, Reward

DONE, FAILED = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@dataclass(frozen=True)
class RewardNodeParameters:
    """Parameters of the reward node."""

    model: str = ''  # folder of the reward model; empty: the small one that is shipped
    engine: str = 'auto'  # what runs it: 'auto', 'onnx' or 'torch'
    threads: int = field(default=1, metadata={'range': (1, 64)})  # of the processor, for the model
    rate: float = field(default=10.0, metadata={'range': (0.1, 100.0)})  # looks at the cameras [Hz]
    autostart: bool = True  # configure and activate at once
    cameras: CameraParameters = field(default_factory=CameraParameters)
    session: SessionParameters = field(default_factory=SessionParameters)


class RewardNode(LifecycleNode):
    """Wires cameras, model and conductor; whatever is slow happens in its one worker."""

    def __init__(
        self, load: Callable[[str, str, int], GRM] = load, adapt: Command = training
    ) -> None:
        """`load` opens a model given its folder, engine and threads; `adapt` names the training."""
        super().__init__('reward')
        self.parameters = declare(self, RewardNodeParameters)
        self.autostart = self.parameters.autostart
        self._load = load
        self._session: Session | None = None
        self._cameras: Cameras | None = None
        self._episode = Episode()
        self._reading = Progress(stamp=0, reason='no reading yet')
        self._worker: Worker[Any] = Worker(self._look, self._failed)
        self._watch = CameraWatch()
        self._progress, self._reward = (
            self.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.PROGRESS, topics.REWARD)
        )
        episode, task = topics.EPISODE, topics.SET_TASK
        self.create_subscription(episode.type, episode.name, self._on_episode, episode.qos)
        self.create_service(task.type, task.name, self._on_set_task)
        self._adaptation = Adaptation(self, adapt, self._model, self._adapted)
        Diagnostics(self, self._health)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model; fails, and says why, when it cannot be."""
        try:
            self._session = Session(self._open(self._model()), self.parameters.session)
        except Exception as error:
            self.get_logger().error(f'cannot load the model: {error}')
            return FAILED
        self._worker.call(partial(self._follow, self._episode))
        return DONE

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the cameras and look at them from now on."""
        try:
            self._cameras = open_cameras(self, self.parameters.cameras)
        except ImportError as error:
            self.get_logger().error(str(error))
            return FAILED
        self._timer = self.create_timer(1.0 / self.parameters.rate, self._tick)
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the cameras; nothing is published until activated again."""
        self._close_cameras()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the model."""
        self._session = None
        return DONE

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the cameras for good."""
        self._close_cameras()
        return DONE

    def close(self) -> None:
        """End what runs beside the node's callbacks."""
        self._adaptation.close()
        self._worker.close()

    def _close_cameras(self) -> None:
        if self._cameras is not None:
            self.destroy_timer(self._timer)
            self._cameras.close()
        self._cameras = None

    def _tick(self) -> None:
        match = self._cameras.take() if self._cameras else None
        if match is not None:
            self._worker.offer(match)

    def _on_episode(self, message: Any) -> None:
        try:
            self._episode = episode = episode_from_msg(message)
        except ValueError as error:
            self.get_logger().error(f'episode refused: {error}')
            return
        self._worker.forget()
        self._worker.call(partial(self._follow, episode))

    def _on_set_task(self, request: Any, response: Any) -> Any:
        try:
            start, goal = decode_views(request.start), decode_views(request.goal)
        except ValueError as error:
            response.reason = str(error)
            return response
        if self._session is None:
            response.reason = 'not configured'
            return response
        self._worker.call(partial(self._session.set_task, Task(request.instruction, start, goal)))
        response.accepted = True
        return response

    def _look(self, match: Match[Any]) -> None:
        cameras, session = self._cameras, self._session
        if cameras is None or session is None:
            return
        views, absent = cameras.convert(match)
        reading, reward = session.look(views, absent, self._now())
        self._publish(reading, reward)

    def _follow(self, episode: Episode) -> None:
        if self._session is not None:
            self._publish(None, self._session.follow(episode))

    def _publish(self, reading: Progress | None, reward: Reward | None) -> None:
        if reading is not None:
            latency = (self._now() - reading.stamp) / SECOND
            self._reading = replace(reading, latency=latency)
            self._progress.publish(progress_to_msg(self._reading))
        if reward is not None:
            self._reward.publish(reward_to_msg(reward))

    def _health(self) -> Sequence[Health]:
        cameras, session, reading = self._cameras, self._session, self._reading
        if cameras is None or session is None:
            return [Health('reward', Level.STALE, 'not active')]
        level = Level.OK if reading.valid or not session.running else Level.WARN
        values = {
            'model': session.model,
            'latency [s]': reading.latency,
            'view skew [s]': cameras.counts.skew,
            'sets': cameras.counts.sets,
            'sets replaced before they were used': self._worker.replaced,
            'failures of the model': session.failures,
        }
        own = Health('reward', level, reading.reason or 'ok', values)
        return [own, *self._watch.look(self.parameters.cameras.views, cameras.counts)]

    def _open(self, folder: Path) -> GRM:
        return self._load(str(folder), self.parameters.engine, self.parameters.threads)

    def _model(self) -> Path:
        return Path(self.parameters.model) if self.parameters.model else shared('models/grm')

    def _adapted(self, folder: Path) -> None:
        grm = self._open(folder)
        if self._session is not None:
            self._worker.call(partial(self._session.set_model, grm))

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds

    def _failed(self, error: Exception) -> None:
        self.get_logger().error(f'worker: {error!r}')


def main() -> int:
    """Run the node as a process."""
    return run(RewardNode)


if __name__ == '__main__':
    sys.exit(main())
