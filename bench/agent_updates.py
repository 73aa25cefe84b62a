"""How fast the agent learns and acts on one thread, on a batch that is already drawn.

.venv/bin/python bench/agent_updates.py [--repeats 9] [--batch 256] [--json FILE]

Told are updates a second by the wall clock (median and best) and the processor time of the
median update; every second one moves the actor too, the default. `medium` lets the processor
multiply matrices in bfloat16 where it can (torch.set_float32_matmul_precision).
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from robo_dopamine_ros.learning.agent import Agent
from robo_dopamine_ros.learning.config import AgentConfig, CalQlConfig, ConRftConfig, Stage
from robo_dopamine_ros.learning.replay_buffer import TransitionBatch

SEEN, ACTION = 200, 4


@dataclass(frozen=True)
class Row:
    """One measurement."""

    what: str
    precision: str
    rate: float  # median [1/s]
    best: float  # [1/s]
    processor: float  # median [ms]


def cases() -> dict[str, tuple[AgentConfig, Stage]]:
    """What is measured, by name."""
    found = {
        f'sac, {critics} critics, 2x{width}': (
            AgentConfig('sac', critics=critics, width=width),
            Stage.ONLINE,
        )
        for width in (128, 256)
        for critics in (2, 4, 10)
    }
    lean = CalQlConfig(samples=4, batch_fraction=0.25)
    found['calql as published, 2 critics, 2x256'] = AgentConfig(critics=2), Stage.ONLINE
    found['calql, 4 critics, 2x256'] = AgentConfig(), Stage.ONLINE
    found['calql lean, 4 critics, 2x256'] = AgentConfig(calql=lean), Stage.ONLINE
    found['calql lean, 10 critics, 2x256'] = AgentConfig(critics=10, calql=lean), Stage.ONLINE
    found['calql lean, 4 critics, 2x128'] = AgentConfig(width=128, calql=lean), Stage.ONLINE
    conrft = AgentConfig('conrft', conrft=ConRftConfig(samples=4, batch_fraction=0.25))
    found['conrft lean offline, 4 critics, 2x256'] = conrft, Stage.OFFLINE
    found['conrft online, 4 critics, 2x256'] = conrft, Stage.ONLINE
    return found


def make_batch(count: int) -> TransitionBatch:
    """A random batch."""
    chance = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=chance)

    return TransitionBatch(
        observations=normal(count, SEEN),
        actions=normal(count, ACTION).tanh(),
        rewards=0.1 * normal(count),
        discounts=torch.full((count,), 0.98),
        masks=torch.ones(count),
        next_observations=normal(count, SEEN),
        returns=0.1 * normal(count),
        demonstrated=torch.zeros(count),
    )


def measure(what: str, precision: str, call: Callable[[], object], repeats: int, times: int) -> Row:
    """Time `times` calls, `repeats` times, after as many that do not count as one repeat has."""
    wall, processor = [], []
    for _ in range(repeats + 1):
        begun, used = time.perf_counter(), time.process_time()
        for _ in range(times):
            call()
        wall.append((time.perf_counter() - begun) / times)
        processor.append((time.process_time() - used) / times)
    wall, processor = wall[1:], processor[1:]
    median = statistics.median
    return Row(what, precision, 1 / median(wall), 1 / min(wall), 1e3 * median(processor))


def measurements(batch: TransitionBatch, repeats: int) -> list[Row]:
    """Updates, with four critics in both precisions, then one action of each kind of actor."""
    rows = []
    for precision in ('highest', 'medium'):
        torch.set_float32_matmul_precision(precision)
        for what, (parameters, stage) in cases().items():
            if precision == 'medium' and '4 critics' not in what:
                continue
            agent = Agent(SEEN, ACTION, parameters)
            update = agent.update
            rows.append(
                measure(what, precision, lambda: update(batch, stage), repeats, 2)  # noqa: B023
            )
    torch.set_float32_matmul_precision('highest')
    seen, chance = np.ones(SEEN), torch.Generator()
    for algorithm in ('sac', 'conrft'):
        act = Agent(SEEN, ACTION, AgentConfig(algorithm)).act
        rows.append(
            measure(f'one action, {algorithm}', 'highest', lambda: act(seen, True, chance), 9, 100)  # noqa: B023
        )
    return rows


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--repeats', type=int, default=9)
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = measurements(make_batch(args.batch), args.repeats)
    load = os.getloadavg()[0]
    machine = f'{platform.machine()}, one thread of {os.cpu_count()} cores, batch {args.batch}'
    print(f'{machine}, {SEEN} numbers seen, {ACTION} of an action, load {load:.1f}')
    print(f'{"":40}{"precision":10}{"median /s":>11}{"best /s":>11}{"processor ms":>15}')
    for row in rows:
        print(
            f'{row.what:40}{row.precision:10}{row.rate:11.1f}{row.best:11.1f}{row.processor:15.2f}'
        )
    if args.json:
        told = {'machine': machine, 'load': load, 'rows': [asdict(row) for row in rows]}
        args.json.write_text(json.dumps(told, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
