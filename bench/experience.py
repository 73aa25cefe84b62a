"""Experience: cost of a batch and of an update as the database grows, recording, reading, kill -9.

.venv/bin/python bench/experience.py [--sizes 1000 10000 100000 1000000] [--kills 10] [--json FILE]

Observations have 384 float16 features and 15 numbers of state; batches are of 256 transitions, half
demonstrations; an update draws one and takes one step of SAC, the cheapest agent. Measured in the
same run, on the same transitions: a list of transitions with their own float32 copies, stacked
for every batch (the usual replay), and one SQL query a batch. A step is announced once it is on
the disk; --kills processes that record are killed at random.
"""

import argparse
import json
import os
import platform
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.experience.reader import TRANSITION_DTYPE, ExperienceReader, TransitionChunk
from robo_dopamine_ros.experience.types import (
    ActionScale,
    Observation,
    ObservationSpec,
    Step,
    StepId,
)
from robo_dopamine_ros.experience.writer import ExperienceWriter
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

SPEC = ObservationSpec(features=384, state=15)
BATCH, LENGTH, TICK = 256, 60, SECOND // 10
LIST_LIMIT = 100_000  # transitions that a list of copies is tried with; it takes 3.4 kB for each
FLAT = 0.2  # an update may cost so much more with the largest store than with the smallest
KEYS = 'SELECT epoch, sequence FROM steps JOIN actors ON actors.id = actor'
QUERY = """
SELECT s.sent, t.reward, t.discount, b.features, b.state, e.features, e.state FROM transitions t
JOIN steps s ON s.id = t.step JOIN frames b ON b.id = s.begin JOIN frames e ON e.id = s.end
WHERE t.step IN ({})
"""


@dataclass(frozen=True)
class Row:
    """What a batch costs with so many transitions."""

    transitions: int
    batch: float  # [us]
    update: float  # of SAC, drawing included [ms]
    listed: float  # a batch from a list of copies [us]; NaN where not tried
    memory: float  # [B] a transition


def make_chunk(count: int, first: int, rng: np.random.Generator) -> TransitionChunk:
    """Transitions of episodes of LENGTH steps; every fourth is a person's."""
    transitions = np.zeros(count, TRANSITION_DTYPE)
    transitions['begin'] = np.arange(first, first + count)
    transitions['end'] = transitions['begin'] + 1
    transitions['human'] = transitions['begin'] // LENGTH % 4 == 0
    transitions['command'] = rng.uniform(-0.1, 0.1, (count, 8))
    transitions['discount'] = 0.98
    transitions['truncated'] = transitions['end'] % LENGTH == 0
    transitions['reward'] = rng.uniform(-0.1, 0.1, count)
    observations = np.empty(count + (first == 0), SPEC.dtype)
    observations['features'] = rng.standard_normal(SPEC.features)
    observations['state'] = rng.standard_normal(SPEC.state)
    return TransitionChunk(transitions, observations)


def medians(ways: dict[Any, Callable[[], object]], rounds: int, calls: int) -> dict[Any, float]:
    """Median time of each way [s]; they take turns, so that all meet the same machine."""
    times: dict[Any, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            way()
            for _ in range(calls):
                begun = time.perf_counter()
                way()
                times[name].append(time.perf_counter() - begun)
    return {name: float(np.median(taken)) for name, taken in times.items()}


def copies(buffer: Any, count: int) -> list[dict[str, np.ndarray]]:
    """The usual replay: every transition with both its observations."""
    one = buffer.sample(1, np.random.default_rng(0))
    fields = ('observations', 'next_observations', 'actions', 'rewards', 'discounts', 'masks')
    made = {name: getattr(one, name)[0].numpy() for name in fields}
    return [{name: value.copy() for name, value in made.items()} for _ in range(count)]


def grow(sizes: list[int], rounds: int) -> list[Row]:
    """Cost of batches and updates against the number of transitions."""
    import torch  # not at the top: what only records does without

    from robo_dopamine_ros.learning.agent import Agent
    from robo_dopamine_ros.learning.config import AgentConfig
    from robo_dopamine_ros.learning.replay_buffer import ReplayBuffer

    torch.set_num_threads(1)
    rng, scale = np.random.default_rng(0), ActionScale()
    agent = Agent(SPEC.size, scale.size, AgentConfig(algorithm='sac'))
    buffers: dict[int, ReplayBuffer] = {}
    lists: dict[int, list[dict[str, np.ndarray]]] = {}
    for size in sizes:
        buffer = buffers[size] = ReplayBuffer(SPEC, scale)
        while (left := size - len(buffer)) > 0:
            buffer.add(make_chunk(min(left, 20_000), len(buffer), rng))
        if size <= LIST_LIMIT:
            lists[size] = copies(buffer, size)

    def stack(stored: list[dict[str, np.ndarray]]) -> dict[str, Any]:
        chosen = [stored[i] for i in rng.integers(0, len(stored), BATCH)]
        return {name: torch.from_numpy(np.stack([c[name] for c in chosen])) for name in chosen[0]}

    def update(buffer: ReplayBuffer) -> None:
        agent.update(buffer.sample(BATCH, rng))

    def sample(buffer: ReplayBuffer) -> None:
        buffer.sample(BATCH, rng)

    batches = medians({size: partial(sample, m) for size, m in buffers.items()}, rounds, 50)
    updates = medians({size: partial(update, m) for size, m in buffers.items()}, rounds, 10)
    listed = medians({size: partial(stack, stored) for size, stored in lists.items()}, rounds, 20)
    return [
        Row(
            size,
            1e6 * batches[size],
            1e3 * updates[size],
            1e6 * listed.get(size, np.nan),
            buffers[size].nbytes / size,
        )
        for size in sizes
    ]


def record(path: Path, steps: int, announce: Callable[[int, int], None]) -> None:
    """Record episodes as fast as the disk takes them."""
    rng = np.random.default_rng(0)
    with ExperienceWriter.open(path, SPEC) as experience:
        epoch = experience.start_epoch('bench')
        observations: list[Observation] = []
        for number in range(steps + 1):
            features = rng.standard_normal(SPEC.features).astype(np.float16)
            state = rng.standard_normal(SPEC.state).astype(np.float32)
            observations = [*observations[-1:], Observation(number * TICK, features, state)]
            if number:
                begin, end = observations
                sequence = number - 1
                episode, now = f'{epoch}-{sequence // LENGTH}', number * TICK
                key = StepId('bench', epoch, sequence)
                twist = rng.uniform(-0.1, 0.1, 6)
                step = Step(key, episode, begin, end, Mode.POLICY, twist, 1.0, 1.0)
                experience.record(step, now)
                announce(epoch, sequence)
                experience.record(Progress(now, episode, progress=0.5, valid=True), now)
                if number % LENGTH == 0:
                    word = Episode(episode, phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=now)
                    experience.record(word, now)


def append(path: Path, steps: int) -> dict[str, float]:
    """Rate of recording, time until a step is announced, bytes on the disk, reading it all."""
    stamps: list[float] = []
    begun = time.perf_counter()
    record(path, steps, lambda *_: stamps.append(time.perf_counter()))
    taken = np.diff(stamps)
    rate, size = steps / (time.perf_counter() - begun), path.stat().st_size / steps
    p50, p99, longest = (1e3 * float(v) for v in (*np.percentile(taken, (50, 99)), taken.max()))
    begun, reader, read = time.perf_counter(), ExperienceReader(path), 0
    while count := len(reader.read().transitions):
        read += count
    reader.close()
    reading = read / (time.perf_counter() - begun)
    return {
        **{'steps': steps, 'rate': rate, 'p50': p50, 'p99': p99, 'longest': longest},
        **{'disk': size, 'reading': reading, 'query': 1e6 * query(path, steps)},
    }


def query(path: Path, steps: int) -> float:
    """Time of a batch by one SQL query [s]."""
    rng = np.random.default_rng(0)
    text = QUERY.format(', '.join('?' * BATCH))
    with closing(sqlite3.connect(path)) as db:

        def batch() -> list[np.ndarray]:
            rows = db.execute(text, rng.integers(1, steps + 1, BATCH).tolist()).fetchall()
            kinds = ('f4', None, None, 'f2', 'f4', 'f2', 'f4')
            return [
                np.array(column) if kind is None else np.frombuffer(b''.join(column), kind)
                for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)
            ]

        return medians({'query': batch}, 3, 30)['query']


def kill(path: Path, kills: int) -> dict[str, float]:
    """Kill a recording process repeatedly, and compare its announced with the stored steps."""
    chance, announced, reopening = random.Random(0), Counter[int](), []
    for _ in range(kills):
        command = [sys.executable, __file__, '--record', str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as recorder:
            assert recorder.stdout
            lines = [recorder.stdout.readline()]
            time.sleep(chance.uniform(0.0, 0.3))
            recorder.kill()
            lines += recorder.stdout.readlines()
        for line in lines:
            if line.endswith('\n'):
                announced[int(line.split()[0])] += 1
        begun = time.perf_counter()
        ExperienceWriter.open(path, SPEC).close()
        reopening.append(time.perf_counter() - begun)
    with closing(sqlite3.connect(path)) as db:
        keys = db.execute(KEYS).fetchall()
        transitions = db.execute('SELECT count(*) FROM transitions').fetchone()[0]
    stored = Counter(epoch for epoch, _ in keys)
    return {
        'kills': kills,
        'announced': announced.total(),
        'kept': len(keys),
        'lost': sum(max(0, announced[epoch] - stored[epoch]) for epoch in announced),
        'twice': len(keys) - len(set(keys)),
        'most beyond': max((stored[epoch] - announced[epoch] for epoch in stored), default=0),
        'sealed': transitions,
        'reopening': 1e3 * max(reopening, default=0.0),
    }


def print_tables(rows: list[Row], disk: dict[str, float], killed: dict[str, float]) -> None:
    """Print the tables."""
    print(f'{"transitions":>12}{"batch us":>11}{"update ms":>11}{"list us":>11}{"B each":>9}')
    for row in rows:
        listed = f'{row.listed:11.0f}' if row.listed == row.listed else f'{"-":>11}'
        print(f'{row.transitions:12}{row.batch:11.0f}{row.update:11.2f}{listed}{row.memory:9.0f}')
    growth = rows[-1].update / rows[0].update - 1
    batch = rows[-1].batch - rows[0].batch
    print(f'a batch alone costs {batch:+.0f} us with the largest')
    print(f'an update costs {growth:+.1%} with the largest (at most {FLAT:+.0%})')
    print(f'one SQL query a batch of {disk["steps"]} transitions: {disk["query"]:.0f} us')
    print(
        f'recording: {disk["rate"]:.0f} steps/s, announced after p50 {disk["p50"]:.2f}, '
        f'p99 {disk["p99"]:.2f}, longest {disk["longest"]:.1f} ms; {disk["disk"]:.0f} B each'
    )
    print(f'reading: {disk["reading"]:.0f} transitions/s')
    print(
        f'kill -9, {killed["kills"]} times: {killed["announced"]} announced, {killed["lost"]} '
        f'lost, {killed["twice"]} twice, at most {killed["most beyond"]} more stored of a start; '
        f'{killed["sealed"]} of {killed["kept"]} transitions; '
        f'reopened in {killed["reopening"]:.0f} ms'
    )


def main() -> int:
    """Measure, print, and keep; non-zero when something was lost or an update grows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--sizes', type=int, nargs='+', default=[10**n for n in (3, 4, 5, 6)])
    parser.add_argument('--rounds', type=int, default=8)
    parser.add_argument('--steps', type=int, default=5000, help='to record')
    parser.add_argument('--kills', type=int, default=10)
    parser.add_argument('--record', type=Path, help=argparse.SUPPRESS)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    if args.record:
        record(args.record, 10**6, lambda *key: print(*key, flush=True))
        return 0
    machine = f'{platform.machine()}, {os.cpu_count()} cores'
    print(f'{machine}, load {os.getloadavg()[0]:.1f}')
    with tempfile.TemporaryDirectory() as folder:
        disk = append(Path(folder) / 'recorded.sqlite', args.steps)
        killed = kill(Path(folder) / 'killed.sqlite', args.kills)
    rows = grow(args.sizes, args.rounds)
    print_tables(rows, disk, killed)
    if args.json:
        result = {
            **{'machine': machine, 'load': os.getloadavg()[0], 'target': FLAT},
            **{'rows': [asdict(row) for row in rows], 'recording': disk, 'killed': killed},
        }
        args.json.write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')
    grows = rows[-1].update > (1 + FLAT) * rows[0].update
    return 1 if killed['lost'] or killed['twice'] or killed['most beyond'] > 1 or grows else 0


if __name__ == '__main__':
    sys.exit(main())
