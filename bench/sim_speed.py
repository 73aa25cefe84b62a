"""Speed of the simulator in process: environment steps, and rendering alone.

.venv/bin/python bench/sim_speed.py [--steps 200] [--repeats 5] [--json FILE]

A step is 0.1 s of simulated time with three views. Reported are the median and the best wall-clock
rate of the repeats, and the processor time of the best.
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

from robo_dopamine_ros.envs.expert import ScriptedExpert, observe_world
from robo_dopamine_ros.envs.insertion import InsertionEnv
from robo_dopamine_ros.envs.waypoint_plans import make_plan, plan_rng
from robo_dopamine_ros.sim.rendering import CameraRenderer
from robo_dopamine_ros.sim.world import World


@dataclass(frozen=True)
class SpeedResult:
    """One measurement."""

    what: str
    rate: float  # median [1/s]
    best: float  # [1/s]
    processor: float  # of the best [ms] a step


def measure(what: str, step: Callable[[], object], steps: int, repeats: int) -> SpeedResult:
    """Time `steps` calls, `repeats` times."""
    wall, processor = [], []
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        for _ in range(steps):
            step()
        wall.append((time.perf_counter() - begun) / steps)
        processor.append((time.process_time() - used) / steps)
    best = int(np.argmin(wall))
    return SpeedResult(what, 1 / float(np.median(wall)), 1 / wall[best], 1e3 * processor[best])


class ExpertStepper:
    """Steps an environment with the scripted expert, recoveries and contact included."""

    def __init__(self, env: InsertionEnv) -> None:
        self._env, self._seed = env, 0
        self._begin()

    def _begin(self) -> None:
        self._seed += 1
        self._env.reset(seed=self._seed)
        rng = plan_rng('recovery', self._seed)
        self._expert = ScriptedExpert(make_plan('recovery', rng), rng)

    def __call__(self) -> None:
        """One step; a new episode starts when the expert is done."""
        if self._expert.done:
            self._begin()
        self._env.step(self._expert.act(observe_world(self._env.world)).astype(np.float32))


def environments(steps: int, repeats: int) -> list[SpeedResult]:
    """Environment steps without and with images."""
    rows = []
    for size in (None, (128, 128), (160, 120)):
        env = InsertionEnv(images=size is not None, size=size or (128, 128))
        name = f'steps, three views {size[0]}x{size[1]}' if size else 'steps, no images'
        rows.append(measure(name, ExpertStepper(env), steps, repeats))
        env.close()
    return rows


def rendering(steps: int, repeats: int) -> list[SpeedResult]:
    """Three views of a static world."""
    rows = []
    for size, antialias in (((128, 128), False), ((640, 480), False), ((640, 480), True)):
        world = World()
        cameras = CameraRenderer(world.model, size, antialias=antialias)
        name = f'three views {size[0]}x{size[1]}{", antialias" if antialias else ""}'
        rows.append(measure(name, lambda: cameras.render(world.data), max(1, steps // 10), repeats))  # noqa: B023
        cameras.close()
    return rows


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--steps', type=int, default=200)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    rows = environments(args.steps, args.repeats) + rendering(args.steps, args.repeats)
    machine = f'{platform.machine()}, {os.cpu_count()} cores, MUJOCO_GL={os.environ["MUJOCO_GL"]}'
    print(f'{machine}, load {os.getloadavg()[0]:.1f}')
    print(f'{"":34}{"median /s":>11}{"best /s":>11}{"processor ms":>15}')
    for row in rows:
        print(f'{row.what:34}{row.rate:11.0f}{row.best:11.0f}{row.processor:15.2f}')
    if args.json:
        result = {'machine': machine, 'load': os.getloadavg()[0], 'rows': [asdict(r) for r in rows]}
        args.json.write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
