"""The reward node: camera views in, progress and reward out, at a steady rate."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from robo_dopamine_ros.nodes.reward_model import ModelParameters, RewardModel
from robo_dopamine_ros.reward.grm import GRM
from robo_dopamine_ros.reward.loading import load
from robo_dopamine_ros.reward.session import Session, SessionParameters, Task
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.adaptation import Adaptation, Command, training
from robo_dopamine_ros.ros.cameras import CameraParameters, decode_views
from robo_dopamine_ros.ros.convert import episode_from_msg, progress_to_msg, reward_to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.lookout import Lookout
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.types import SECOND, Episode, Progress, Reward, Views


@dataclass(frozen=True)
class RewardNodeParameters(ModelParameters):
    """Parameters of the reward node."""

    rate: float = field(default=10.0, metadata={'range': (0.1, 100.0)})  # looks at the cameras [Hz]
    autostart: bool = True  # configure and activate at once
    cameras: CameraParameters = field(default_factory=CameraParameters)
    session: SessionParameters = field(default_factory=SessionParameters)


class RewardNode(LifecycleNode):
    """Wires cameras, model and conductor; whatever is slow happens in its one worker."""

    def __init__(self, load: Callable[..., GRM] = load, adapt: Command = training) -> None:
        """`load` opens a model as reward/loading.py does; `adapt` names the training."""
        super().__init__('reward')
        self.parameters = p = declare(self, RewardNodeParameters)
        self.autostart = p.autostart
        self._model = model = RewardModel(p, load, adapt, self.get_logger().info)
        self._session: Session | None = None
        self._episode = Episode()
        self._reading = Progress(stamp=0, reason='no reading yet')
        self._lookout = Lookout(self, p.cameras, p.rate, self._judge)
        self.add_managed_entity(self._lookout)
        self._progress, self._reward = (
            self.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.PROGRESS, topics.REWARD)
        )
        episode, task = topics.EPISODE, topics.SET_TASK
        self.create_subscription(episode.type, episode.name, self._on_episode, episode.qos)
        self.create_service(task.type, task.name, self._on_set_task)
        self._adaptation = Adaptation(self, model.training, model.folder, self._adapted)
        Diagnostics(self, self._health)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model; fails, and says why, when it cannot be."""
        try:
            self._session = Session(self._model.open(self._model.folder()), self.parameters.session)
        except Exception as error:
            self.get_logger().error(f'cannot load the model: {error}')
            return TransitionCallbackReturn.FAILURE
        self._lookout.call(partial(self._follow, self._episode))
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the model."""
        self._session = None
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """End what runs beside the node's callbacks."""
        self._adaptation.close()
        self._lookout.close()

    def _on_episode(self, message: Any) -> None:
        try:
            episode = episode_from_msg(message)
        except ValueError as error:
            self.get_logger().error(f'episode refused: {error}')
            return
        if episode == self._episode:  # the conductor's sign of life
            return
        self._episode = episode
        self._lookout.forget()
        self._lookout.call(partial(self._follow, episode))

    def _on_set_task(self, request: Any, response: Any) -> Any:
        try:
            start, goal = decode_views(request.start), decode_views(request.goal)
        except ValueError as error:
            response.reason = str(error)
            return response
        if self._session is None:
            response.reason = 'not configured'
            return response
        self._lookout.call(partial(self._session.set_task, Task(request.instruction, start, goal)))
        response.accepted = True
        return response

    def _judge(self, views: Views, absent: Mapping[str, str]) -> None:
        session = self._session  # another thread may take it away
        if session is not None:
            self._publish(*session.look(views, absent, self._now()))
            session.rest()

    def _follow(self, episode: Episode) -> None:
        session = self._session
        if session is not None:
            self._publish(None, session.follow(episode))

    def _publish(self, reading: Progress | None, reward: Reward | None) -> None:
        if reading is not None:
            latency = (self._now() - reading.stamp) / SECOND
            self._reading = replace(reading, latency=latency)
            self._progress.publish(progress_to_msg(self._reading))
        if reward is not None:
            self._reward.publish(reward_to_msg(reward))

    def _health(self) -> Sequence[Health]:
        session, reading = self._session, self._reading
        if session is None or not self._lookout.open:
            return [Health('reward', Level.STALE, 'not active')]
        level = Level.OK if reading.valid or not session.running else Level.WARN
        values = {
            'model': session.model,
            'latency [s]': reading.latency,
            'failures of the model': session.failures,
            **self._lookout.figures(),
        }
        return [Health('reward', level, reading.reason or 'ok', values), *self._lookout.health()]

    def _adapted(self, folder: Path) -> None:
        grm = self._model.open(folder)
        if self._session is not None:
            self._lookout.call(partial(self._session.set_model, grm))

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds


def main() -> int:
    """Run the node as a process."""
    return run(RewardNode)


if __name__ == '__main__':
    sys.exit(main())
