"""How fast the simulator is in process: environment steps, and pictures alone.

.venv/bin/python bench/sim_speed.py [--steps 200] [--repeats 5] [--json FILE]

A step is 0.1 s of simulated time with three views. Told are the median and the best of the
repeats, by the wall clock, and the processor time of the best.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from robo_dopamine_ros.sim.cameras import Cameras
from robo_dopamine_ros.sim.env import PegInsertion
from robo_dopamine_ros.sim.operator import Operator, sight
from robo_dopamine_ros.sim.plans import generator, plan
from robo_dopamine_ros.sim.world import World


@dataclass(frozen=True)
class Row:
    """One measurement."""

    what: str
    rate: float  # median [1/s]
    best: float  # [1/s]
    processor: float  # of the best [ms] a step


def measure(what: str, step: Callable[[], object], steps: int, repeats: int) -> Row:
    """Time `steps` calls, `repeats` times."""
    wall, processor = [], []
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        for _ in range(steps):
            step()
        wall.append((time.perf_counter() - begun) / steps)
        processor.append((time.process_time() - used) / steps)
    best = int(np.argmin(wall))
    return Row(what, 1 / float(np.median(wall)), 1 / wall[best], 1e3 * processor[best])


class Player:
    """Steps an environment with the scripted operator, recoveries and contact included."""

    def __init__(self, env: PegInsertion) -> None:
        self._env, self._seed = env, 0
        self._begin()

    def _begin(self) -> None:
        self._seed += 1
        self._env.reset(seed=self._seed)
        rng = generator('recovery', self._seed)
        self._operator = Operator(plan('recovery', rng), rng)

    def __call__(self) -> None:
        """One step; a new episode begins when the operator is done."""
        if self._operator.done:
            self._begin()
        self._env.step(self._operator.act(sight(self._env.world)).astype(np.float32))


def environments(steps: int, repeats: int) -> list[Row]:
    """Environment steps without and with pictures."""
    rows = []
    for size in (None, (128, 128), (160, 120)):
        env = PegInsertion(images=size is not None, size=size or (128, 128))
        name = f'steps, three views {size[0]}x{size[1]}' if size else 'steps, no pictures'
        rows.append(measure(name, Player(env), steps, repeats))
        env.close()
    return rows


def pictures(steps: int, repeats: int) -> list[Row]:
    """Three views drawn of a world that stands still."""
    rows = []
    for size, smooth in (((128, 128), False), ((640, 480), False), ((640, 480), True)):
        world = World()
        cameras = Cameras(world.model, size, smooth=smooth)
        name = f'three views {size[0]}x{size[1]}{", smooth" if smooth else ""}'
        draw = cameras.draw
        rows.append(measure(name, lambda: draw(world.data), max(1, steps // 10), repeats))  # noqa: B023
        cameras.close()
    return rows


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--steps', type=int, default=200)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    rows = environments(args.steps, args.repeats) + pictures(args.steps, args.repeats)
    machine = f'{platform.machine()}, {os.cpu_count()} cores, MUJOCO_GL={os.environ["MUJOCO_GL"]}'
    print(f'{machine}, load {os.getloadavg()[0]:.1f}')
    print(f'{"":34}{"median /s":>11}{"best /s":>11}{"processor ms":>15}')
    for row in rows:
        print(f'{row.what:34}{row.rate:11.0f}{row.best:11.0f}{row.processor:15.2f}')
    if args.json:
        told = {'machine': machine, 'load': os.getloadavg()[0], 'rows': [asdict(r) for r in rows]}
        args.json.write_text(json.dumps(told, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
