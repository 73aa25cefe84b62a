"""Demonstrations of the simulated person, as episodes with their steps."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from robo_dopamine_ros.data.episodes import save_recording
from robo_dopamine_ros.data.steps import Steps, save_steps
from robo_dopamine_ros.learning.observation import REACH
from robo_dopamine_ros.learning.steps import Scale
from robo_dopamine_ros.sim.arena import Arena
from robo_dopamine_ros.sim.operator import Operator, sight
from robo_dopamine_ros.sim.plans import plan
from robo_dopamine_ros.sim.rollouts import INSTRUCTION
from robo_dopamine_ros.sim.world import RATE
from robo_dopamine_ros.types import SECOND, VIEWS, Mode, Outcome, Recording, Views

LONGEST = 120  # steps
STILL = 0.0008  # motion in a step that is none [m]


def keep(recording: Recording, steps: Steps, folder: Path, layout: str) -> None:
    """Write an episode folder with its steps."""
    save_recording(recording, folder, layout)
    save_steps(steps, folder)


def demonstrate(arena: Arena, seed: int, number: int) -> tuple[Recording, Steps]:
    """Let the person do the task once; what he fails at he does again and keeps only the last."""
    rng = np.random.default_rng((seed, number, 1))
    while True:
        told = _attempt(arena, rng)
        if arena.succeeded:
            return _recording(*told[0], f'demonstration_{number:03d}', told[1]), told[1]


def _attempt(
    arena: Arena, rng: np.random.Generator
) -> tuple[tuple[list[Views], np.ndarray], Steps]:
    operator, scale = Operator(plan('demonstration', rng), rng), Scale()
    glances = [arena.reset(int(rng.integers(2**31)))]
    actions: list[np.ndarray] = []
    while not operator.done and len(actions) < LONGEST:
        actions.append(operator.act(sight(arena.world)))
        glances.append(arena.act(actions[-1]))
    views, states = [seen for seen, _ in glances], np.stack([state for _, state in glances])
    steps = Steps(
        stamps=np.array([seen.stamp for seen in views]),
        states=states,
        twists=np.stack([scale.wish(a, 0.0)[0] for a in actions]).astype(np.float32),
        grippers=np.zeros(len(actions), np.float32),
        modes=np.full(len(actions), int(Mode.HUMAN)),
    )
    return (views, states), steps


def _recording(views: list[Views], states: np.ndarray, name: str, steps: Steps) -> Recording:
    """The episode that plays these views; progress is linear in time while the arm moves."""

    def play(
        size: tuple[int, int] | None = None,
        stride: int = 1,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[Views]:
        assert size is None
        for t in range(len(views))[start:stop:stride]:
            yield Views(views[t].images, dict.fromkeys(VIEWS, round(t * SECOND / RATE)))

    moved = np.linalg.norm(np.diff(states[:, :3], axis=0), axis=1) * REACH > STILL
    last = int(np.flatnonzero(moved)[-1]) + 1
    return Recording(
        name=name, rate=RATE, length=len(views), views=VIEWS, play=play,
        span=(0, last), keyframes=(0, last),
        progress=np.interp(np.arange(len(views)), (0, last), (0.0, 1.0)),
        instruction=INSTRUCTION, outcome=Outcome.SUCCESS,
    )  # fmt: skip
