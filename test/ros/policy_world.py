"""What a policy lives among: cameras, a gate that obeys it, a conductor, a recorder; all small."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from processes import Watcher

from robo_dopamine_ros.geometry import moved
from robo_dopamine_ros.learning import weights
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.observation import Standard
from robo_dopamine_ros.learning.plan import default_plan, write_plan
from robo_dopamine_ros.learning.policy import Policy
from robo_dopamine_ros.learning.steps import Scale, Step
from robo_dopamine_ros.learning.tip import STATE
from robo_dopamine_ros.nodes.step_message import step_from_msg
from robo_dopamine_ros.reward.compact.features import watch
from robo_dopamine_ros.reward.goal import GOAL, read_goal
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import (
    action_from_msg,
    arm_state_to_msg,
    control_to_msg,
    episode_to_msg,
    image_to_msg,
    kept_to_msg,
)
from robo_dopamine_ros.ros.environment import shared
from robo_dopamine_ros.types import (
    SECOND,
    VIEWS,
    Action,
    ArmState,
    Control,
    Episode,
    Kept,
    Mode,
    Phase,
    Pose,
)

MODEL = shared('models/grm')
START = Pose(np.array([0.5, 0.0, 0.25]), np.array([1.0, 0.0, 0.0, 0.0]))
TICK = 0.02  # [s]


def make_run(folder: Path) -> int:
    """A folder as `train` leaves it, but without weights; gives the number of features."""
    plan = default_plan('calql')
    write_plan(type(plan)(plan.agent, plan.practice, model=str(MODEL)), folder)
    _, eyes = watch(MODEL, plan.sees)
    return eyes.see(read_goal(MODEL / GOAL, eyes.views)).size


def publish(folder: Path, features: int, version: int) -> None:
    torch.manual_seed(version)
    parameters, scale = default_plan('calql').agent, Scale()
    policy = Policy.make(features + STATE, scale.size, parameters)
    standard = Standard(np.zeros(features, np.float32), np.ones(features, np.float32))
    path = Folder(folder).weights
    weights.publish(path, policy, standard, scale, parameters, version)


class World(Watcher):
    """Ticks in a thread of its own; parts that are named in `mute` say nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.wishes: list[Action] = []
        self.steps: list[Step] = []  # as they came, repeated ones too
        self.kept: list[Step] = []
        self.controls: list[Control] = []
        self.mute: set[str] = set()
        self.loses = False  # whether the recorder forgets what it hears
        self.mode: Mode | None = None  # in charge; None: as the policy wishes
        self.word = Episode('e0', phase=Phase.IDLE)
        self._pose, self._number = START, 0
        self._words: dict[str, Any] = {
            t.name: self.node.create_publisher(t.type, t.name, t.qos)
            for t in (topics.ARM_STATE, topics.CONTROL, topics.EPISODE, topics.KEPT)
        }
        self._views = {
            view: self.node.create_publisher(
                topics.camera_topic(view).type, topics.camera_topic(view).name, 2
            )
            for view in VIEWS
        }
        self._rng, self._open = np.random.default_rng(0), True
        self.keep(topics.POLICY_COMMAND, action_from_msg, self.wishes)
        self.keep(topics.STEP, self._hear_step, [])
        self._ticking = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> 'World':
        super().__enter__()
        self._ticking.start()
        return self

    def __exit__(self, *words: object) -> None:
        self._open = False
        self._ticking.join()
        super().__exit__(*words)

    def say(self, phase: Phase, name: str, **told: Any) -> None:
        self.word = Episode(name, phase=phase, stamp=self.stamp, **told)
        self._words[topics.EPISODE.name].publish(episode_to_msg(self.word))

    @property
    def stamp(self) -> int:
        return self.node.get_clock().now().nanoseconds

    @property
    def wish(self) -> Action:
        return self.wishes[-1] if self.wishes else Action(0, valid=False, reason='none yet')

    @property
    def moved(self) -> float:
        return float(np.linalg.norm(self._pose.position - START.position))

    def acts(self) -> bool:
        return self.wish.valid

    def holds(self, *parts: str, innocent: tuple[str, ...] = ()) -> bool:
        """Whether nothing is wished, for a reason that names all parts and nobody innocent."""
        wish = self.wish
        named = all(part in wish.reason for part in parts)
        return not wish.valid and named and not any(part in wish.reason for part in innocent)

    def _hear_step(self, message: Any) -> None:
        step = step_from_msg(message, 'run')
        self.steps.append(step)
        if self.loses or 'recorder' in self.mute:
            return
        newest = self.kept[-1].key if self.kept else None
        known = newest is not None and newest.epoch == step.key.epoch
        if step.key.sequence == (newest.sequence + 1 if newest and known else 0):
            self.kept.append(step)

    def _run(self) -> None:
        due = time.monotonic()
        while self._open:
            self._tick()
            due = max(due + TICK, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def _tick(self) -> None:
        self._number += 1
        if 'gate' not in self.mute:
            self._move()
        if 'recorder' not in self.mute:
            newest = self.kept[-1].key if self.kept else None
            told = (newest.epoch, newest.sequence) if newest else (0, 0)
            self._words[topics.KEPT.name].publish(kept_to_msg(Kept(self.stamp, *told)))
        if self._number % 3 == 0:
            stamp = self.stamp
            for view in set(VIEWS) - self.mute:
                picture = self._rng.integers(0, 255, (48, 64, 3), np.uint8)
                self._views[view].publish(image_to_msg(picture, stamp, view))

    def _move(self) -> None:
        """One tick of the gate, which does exactly what is wished."""
        wish, stamp = self.wish, self.stamp
        fresh = wish.valid and stamp - wish.stamp < 0.3 * SECOND
        mode = (Mode.POLICY if fresh else Mode.HOLD) if self.mode is None else self.mode
        twist = wish.twist if fresh and mode is Mode.POLICY else np.zeros(6)
        self._pose = moved(self._pose, twist, TICK)
        sent = Action(stamp, twist, gripper=0.3, policy_version=wish.policy_version)
        self.controls.append(Control(stamp, mode, False, '', '', sent, self._pose, twist))
        state = ArmState(
            *(stamp, self._pose, twist, np.zeros(7), np.zeros(7), tuple('abcdefg'), 0.3),
            wrench=np.zeros(6),
        )
        self._words[topics.CONTROL.name].publish(control_to_msg(self.controls[-1], 'base'))
        self._words[topics.ARM_STATE.name].publish(arm_state_to_msg(state, 'base'))
