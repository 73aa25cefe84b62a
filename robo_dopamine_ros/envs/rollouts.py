"""Graded rollouts of the scripted expert, with images and ground-truth progress.

They are the training and test episodes of the reward model.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from robo_dopamine_ros.envs.expert import ExpertNoise, ScriptedExpert, observe_world
from robo_dopamine_ros.envs.insertion import INSTRUCTION
from robo_dopamine_ros.envs.waypoint_plans import make_plan, plan_rng
from robo_dopamine_ros.sim import ground_truth
from robo_dopamine_ros.sim.domain_randomization import StartDistribution, VisualRandomization
from robo_dopamine_ros.sim.rendering import CameraRenderer
from robo_dopamine_ros.sim.scene import Workpiece
from robo_dopamine_ros.sim.world import ACTION_RATE, World
from robo_dopamine_ros.types import SECOND, VIEWS, Outcome, Recording, Views

MAX_STEPS = 200
Images = dict[str, np.ndarray]


@dataclass(frozen=True)
class ExpertRollout:
    """One rollout as arrays; row t is step t."""

    images: Images  # view name -> (T, H, W, 3) uint8 RGB
    progress: np.ndarray  # (T,) ground truth, 0..1
    tip_positions: np.ndarray  # (T, 3) peg tip in the hole's frame [m]
    contact_force: np.ndarray  # (T,) force on the peg [N]
    grade: str  # success, partial or failure


class RolloutRecorder:
    """A world and its cameras, for many rollouts in one thread; a context manager."""

    def __init__(
        self,
        size: tuple[int, int] = (160, 120),
        workpiece: Workpiece | None = None,
        starts: StartDistribution | None = None,
        noise: ExpertNoise | None = None,
        supersample: int = 2,
    ):
        """`size` [px] and `supersample` are as in CameraRenderer."""
        self.world = World(workpiece)
        self._starts, self._noise = starts, noise
        self._cameras = CameraRenderer(self.world.model, size, supersample=supersample)

    def __enter__(self) -> 'RolloutRecorder':
        return self

    def __exit__(self, *_: object) -> None:
        self._cameras.close()

    def rollout(
        self, style: str, seed: int, visuals: VisualRandomization | None = None, images: bool = True
    ) -> ExpertRollout:
        """Roll out a plan of a style; equal arguments give equal images."""
        rng = plan_rng(style, seed)
        expert = ScriptedExpert(make_plan(style, rng), rng, self._noise)
        world, frames, rows = self.world, [], []
        world.reset(rng, self._starts, visuals)
        while True:
            frames.append(self._cameras.render(world.data) if images else {})
            rows.append((world.tip_in_hole, world.contact_force))
            if expert.done or len(rows) == MAX_STEPS:
                break
            world.apply_action(expert.act(observe_world(world)))
        stacked = {view: np.stack([frame[view] for frame in frames]) for view in frames[0]}
        tips, forces = (np.array(column) for column in zip(*rows, strict=True))
        progress = ground_truth.progress(tips, world.workpiece.hole_width)
        return ExpertRollout(stacked, progress, tips, forces, world.grade)

    def recording(
        self, style: str, seed: int, visuals: VisualRandomization | None = None
    ) -> Recording:
        """Return a rollout that is rendered anew each time it plays, so it holds no images."""
        result = self.rollout(style, seed, visuals, images=False)

        def render() -> Images:
            return self.rollout(style, seed, visuals).images

        return _recording_of(result, f'{style}_{seed}', render)


def recording(rollout: ExpertRollout, name: str) -> Recording:
    """Convert a rollout into an episode that can be played."""
    return _recording_of(rollout, name, lambda: rollout.images)


def record_rollout(
    style: str, seed: int, size: tuple[int, int] = (160, 120), randomize: bool = True
) -> Recording:
    """Record one episode in a new world; for many, a RolloutRecorder keeps the world."""
    with RolloutRecorder(size) as recorder:
        result = recorder.rollout(style, seed, VisualRandomization() if randomize else None)
    return recording(result, f'{style}_{seed}')


def _recording_of(rollout: ExpertRollout, name: str, render: Callable[[], Images]) -> Recording:
    def frames() -> list[Images]:
        images = render()
        return [{v: images[v][t] for v in images} for t in range(len(rollout.progress))]

    outcome = Outcome.SUCCESS if rollout.grade == ground_truth.SUCCESS else Outcome.FAILURE
    last = len(rollout.progress) - 1
    return make_recording(
        name, rollout.progress, frames, span=(0, last), grade=rollout.grade, outcome=outcome
    )


def make_recording(
    name: str,
    progress: np.ndarray,
    frames: Callable[[], Sequence[Mapping[str, np.ndarray]]],
    **fields: Any,
) -> Recording:
    """Make an episode with `progress` (T,) of the images that `frames` gives when it is played."""

    def play(
        size: tuple[int, int] | None = None,
        stride: int = 1,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[Views]:
        for step, images in list(enumerate(frames()))[start:stop:stride]:
            if size is not None:
                images = {
                    view: cv2.resize(image, size, interpolation=cv2.INTER_AREA)
                    for view, image in images.items()
                }
            yield Views(images, dict.fromkeys(images, round(step * SECOND / ACTION_RATE)))

    return Recording(
        name=name, rate=ACTION_RATE, length=len(progress), views=VIEWS, play=play,
        progress=progress, instruction=INSTRUCTION, **fields,
    )  # fmt: skip
