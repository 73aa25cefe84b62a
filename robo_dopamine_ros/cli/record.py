"""The verb `record`: demonstrations of the simulated person, for `adapt` and `train` alike."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from robo_dopamine_ros.data.episodes import LAYOUTS, save_recording
from robo_dopamine_ros.data.steps import Steps, save_steps
from robo_dopamine_ros.learning.steps import Scale
from robo_dopamine_ros.sim.arena import Arena
from robo_dopamine_ros.sim.operator import Operator, sight
from robo_dopamine_ros.sim.plans import plan
from robo_dopamine_ros.sim.rollouts import INSTRUCTION
from robo_dopamine_ros.sim.world import RATE
from robo_dopamine_ros.types import SECOND, VIEWS, Mode, Outcome, Recording, Views

HELP = 'record demonstrations of the simulated person'
EXAMPLES = """\
examples:
  robo-dopamine record --out runs/demos
  robo-dopamine record --out runs/demos --count 20 --clearance 0.001
  robo-dopamine adapt runs/demos --base models/grm --out runs/model
  robo-dopamine train --demonstrations runs/demos
"""
LONGEST = 120  # steps
STILL = 0.0008  # motion in a step that is none [m]
REACH = 0.25  # scale of the first three numbers of the state [m]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        '--out', metavar='DIR', type=Path, required=True, help='folder for the episode folders'
    )
    parser.add_argument('--count', type=int, default=1, help='how many (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of scenes and hands (default: 0)')
    parser.add_argument(
        '--clearance', type=float, default=0.002, metavar='M', help='of the hole (default: 0.002)'
    )
    parser.add_argument(
        '--layout',
        choices=tuple(LAYOUTS),
        default='videos',
        help="the paper's videos, or pictures, which are exact (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Record into numbered folders."""
    arena = Arena(args.clearance)
    for number in tqdm(range(args.count), desc='demonstrations'):
        recording, steps = demonstrate(arena, args.seed, number)
        keep(recording, steps, args.out / recording.name, args.layout)
    arena.close()
    print(f'{args.out}: {args.count} of the simulated person')
    return 0


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
