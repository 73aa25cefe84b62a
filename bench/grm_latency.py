"""A step of a published GRM: how long it takes and what it computes, one speed-up after another.

    .venv/bin/robo-dopamine bench grm_latency
    .venv/bin/python bench/grm_latency.py [--model grm2-4b] [--scale 4] [--steps 20] [--robots 4]

Weights are random and as large as the published ones on a GPU; elsewhere the model is four times
narrower and shallower, in which a picture costs as many tokens as in the large one. The prompt has
the authors' lengths. A step asks about progress since the last look, since the start and up to the
goal; cameras give 640x480. All ways go through the same looks in turn and must answer alike.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _grm_arms import Arm, Leaning, Partly, Slow, Usual
from _grm_model import ORDER, SIZES, build, picture_in_tokens, scaled, stand_in_prompt
from _grm_steps import passes
from _grm_together import Table
from torch import Tensor
from tqdm import tqdm

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.vlm.compiled.export import export
from robo_dopamine_ros.reward.vlm.compiled.graph_engine import GraphEngine
from robo_dopamine_ros.reward.vlm.engine import Engine, Shape
from robo_dopamine_ros.reward.vlm.memory import ROWS
from robo_dopamine_ros.reward.vlm.model import Cost, Language, VlmGRM
from robo_dopamine_ros.reward.vlm.network.torch_engine import TorchEngine
from robo_dopamine_ros.reward.vlm.precision import PRECISIONS
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint
from robo_dopamine_ros.reward.vlm.published.pictures import smart_resize
from robo_dopamine_ros.reward.vlm.published.place import choose_device, choose_dtype
from robo_dopamine_ros.reward.vlm.query.layout import Layout
from robo_dopamine_ros.reward.vlm.query.prompt import TASK
from robo_dopamine_ros.reward.vlm.query.tree import Tree
from robo_dopamine_ros.reward.vlm.query.words import AnswerTokens
from robo_dopamine_ros.reward.vlm.settings import VlmSettings
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

CAMERA = (640, 480)  # columns, rows [px]
NODES = 3  # of an answer that every tree has: what its sign and two digits are chosen from
WARM_UP = 2  # looks; the first has nothing before it
MOST_TOKENS, PICTURES, FASTER = 0.60, 3, 2.5  # targets: share, of 24, times
USUAL, PRODUCT, SAME = "the authors' way", '+ tens guessed', 'the same,'
MIB = 2**20


@dataclass
class Run:
    """What one way took, look by look."""

    latencies: list[float] = field(default_factory=list)  # [s]
    processor: list[float] = field(default_factory=list)  # time of all threads [s]
    after: list[float] = field(default_factory=list)  # the answer, until it rests [s]
    costs: list[Cost] = field(default_factory=list)  # what somebody waited for counts as tokens
    answers: list[dict[str, str]] = field(default_factory=list)
    said: list[Tensor] = field(default_factory=list)  # (queries, NODES, symbols) logits
    peak: float = 0.0  # memory [MiB]

    def look(self, arm: Arm, views: Views, device: torch.device) -> None:
        """Let it judge one look."""
        forget_peak(device)
        before, begun, busy = arm.cost, time.perf_counter(), time.process_time()
        arm.step(views)
        wait(device)
        told, busy_until, cost = time.perf_counter(), time.process_time(), arm.cost
        arm.rest()
        wait(device)
        self.latencies.append(told - begun)
        self.processor.append(busy_until - busy)
        self.after.append(time.perf_counter() - told)
        awaited = [late - early for late, early in zip(cost, before, strict=True)]
        ahead = arm.cost.ahead - cost.ahead
        self.costs.append(Cost(awaited[0], awaited[1] + awaited[2], ahead, awaited[3]))
        self.answers.append({row: one.path for row, one in arm.answers.items()})
        self.said.append(
            torch.stack([nodes(*arm.heard[row], self.answers[-1][row]) for row in ROWS])
        )
        self.peak = max(self.peak, peak(device))

    def row(self, baseline: 'Run') -> dict[str, Any]:
        """Figures per step."""
        p50, p95, p99 = (1e3 * float(np.percentile(self.latencies, q)) for q in (50, 95, 99))
        pictures, tokens, ahead, steps = np.mean(self.costs, 0)
        same = np.mean([a == b for a, b in zip(self.answers, baseline.answers, strict=True)])
        both = zip(self.said, baseline.said, strict=True)
        apart = max(float((a - b).abs().max()) for a, b in both)
        return {
            'p50_ms': p50,
            'p95_ms': p95,
            'p99_ms': p99,
            'faster': float(np.median(baseline.latencies) / np.median(self.latencies)),
            'processor_ms': 1e3 * float(np.median(self.processor)),
            'after_ms': 1e3 * float(np.median(self.after)),
            'pictures': float(pictures),
            'tokens': float(tokens),
            'tokens_ahead': float(ahead),
            'decode_steps': float(steps),
            'peak_mib': self.peak,
            'same_answers': float(same),
            'logits_apart': apart,
        }


class Bench:
    """One model and everything that is asked of it."""

    def __init__(self, checkpoint: Checkpoint, camera: tuple[int, int] = CAMERA) -> None:
        self.checkpoint, self.camera, self.prompt = checkpoint, camera, stand_in_prompt()
        self.tokens = AnswerTokens.of(checkpoint.tokenizer)
        height, width = smart_resize(camera[1], camera[0], checkpoint.images)
        self.engine: Engine = TorchEngine(checkpoint.model, height, width, self.tokens.ids)
        self.usual = Usual(checkpoint, self.prompt)

    def arms(self) -> dict[str, Arm]:
        """All ways that run in torch, each with a speed-up more than the one before."""
        engine, language = Leaning(self.engine), self.language(self.engine.shape)
        partly = partial(Partly, 'bench', engine, language)
        whole = partial(VlmGRM, 'bench', engine, language)
        return {
            USUAL: Slow(self.usual, batch=False),
            '+ three queries in a batch': Slow(self.usual, batch=True),
            '+ pictures remembered': partly(remembers=False, ahead=False),
            '+ keys and values too': partly(remembers=True, ahead=False),
            '+ last look read ahead': partly(remembers=True, ahead=True),
            '+ answers off a tree': whole(VlmSettings(draft=False)),
            PRODUCT: whole(VlmSettings()),
            'decimals cut instead': whole(VlmSettings(decimals=False)),
        }

    def compiled(self, folder: Path, engine: str, threads: int = 0) -> Arm:
        """The product through ONNX Runtime or TensorRT."""
        export(self.checkpoint, folder, self.camera, self.prompt)
        graphs = GraphEngine(folder, engine, threads)
        return VlmGRM('bench', Leaning(graphs), self.language(graphs.shape), VlmSettings())

    def language(self, shape: Shape) -> Language:
        """Its words; every task is laid out once."""
        tokenizer, known = self.checkpoint.tokenizer, {}
        chat = self.checkpoint.chat(self.prompt.parts(TASK))

        def lay_out(task: str) -> Layout:
            if task not in known:
                known[task] = Layout.of(tokenizer, chat, task, shape, self.tokens)
            return known[task]

        return Language(lay_out, self.tokens, self.checkpoint.images)

    def looks(self, count: int, seed: int = 0) -> list[Views]:
        """Three cameras; in each a box moves over a scene that stays."""
        chance, (columns, rows) = np.random.default_rng(seed), self.camera
        shape = (rows // 20, columns // 20, 3)
        scenes = {v: chance.integers(0, 256, shape, np.uint8) for v in VIEWS}
        told = []
        for number in range(count):
            views = {}
            for view, scene in scenes.items():
                picture = scene.repeat(20, 0).repeat(20, 1)
                left = (number * columns // 40) % (columns - columns // 4)
                picture[rows // 3 : rows // 2, left : left + columns // 4] = (200, 30, number)
                views[view] = picture
            told.append(Views(views, dict.fromkeys(VIEWS, number)))
        return told

    def start(self, first: Views, seed: int = 0) -> TaskContext:
        """The task, with the front view of its goal, as the authors have it."""
        front = VIEWS[0]
        last = self.looks(40, seed)[-1].images[front]
        return TaskContext(ORDER, first, Views({front: last}, {front: 0}))

    def together(self, robots: int, steps: int) -> dict[str, float]:
        """Steps per second of several robots in one batch: in the authors' way, and in ours."""
        looks = [self.looks(WARM_UP + steps, seed) for seed in range(robots)]
        starts = [self.start(mine[0], seed) for seed, mine in enumerate(looks)]
        slow = [Slow(self.usual, True) for _ in starts]

        def usual(number: int) -> None:
            asked = [
                arm.queries(mine[number]).values() for arm, mine in zip(slow, looks, strict=True)
            ]
            self.usual.written(ORDER, [query for queries in asked for query in queries])

        table = Table(Leaning(self.engine), robots)
        language, settings = self.language(self.engine.shape), VlmSettings(decimals=False)
        ours = [VlmGRM('bench', seat, language, settings) for seat in table.seats]

        def product(robot: int, number: int) -> None:
            ours[robot].step(looks[robot][number])
            ours[robot].rest()

        for arm, start in zip(slow, starts, strict=True):
            arm.begin(start)
        table.all(lambda robot: ours[robot].begin(starts[robot]))
        device = self.engine.device
        ways = {
            USUAL: usual,
            'decimals cut': lambda number: table.all(lambda robot: product(robot, number)),
        }
        return {name: robots / pace(way, steps, device) for name, way in ways.items()}


def nodes(tree: Tree, logits: Tensor, path: str) -> Tensor:
    """What was said on the way to an answer: of its sign and its digits."""
    rows = [tree.row(path[:end]) for end in range(NODES)]
    return logits[rows].float().cpu()


def pace(step: Callable[[int], object], count: int, device: torch.device) -> float:
    """Median time of a step after the warm-up [s]."""
    taken = []
    for number in tqdm(range(WARM_UP + count), 'together', leave=False, file=sys.stderr):
        begun = time.perf_counter()
        step(number)
        wait(device)
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken[WARM_UP:]))


def measure(bench: Bench, arms: dict[str, Arm], steps: int) -> dict[str, Run]:
    """Let all ways judge each look before the next, so that a disturbance meets them all."""
    runs, device = {name: Run() for name in arms}, bench.engine.device
    looks = bench.looks(WARM_UP + steps)
    start = bench.start(looks[0])
    for arm in arms.values():
        arm.begin(start)
    with tqdm(total=len(looks) * len(arms), file=sys.stderr, leave=False) as bar:
        for number, views in enumerate(looks):
            for name, arm in arms.items():
                bar.set_description(name, refresh=False)
                if number < WARM_UP:
                    arm.step(views)
                    arm.rest()
                else:
                    runs[name].look(arm, views, device)
                bar.update()
    return runs


def compiled(bench: Bench, engine: str, threads: int, steps: int) -> dict[str, Run]:
    """The same of the compiled model, alone: two pools of threads get in each other's way."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            arm = bench.compiled(Path(folder) / 'model', engine, threads)
        except ModelError as error:
            print(f'{engine}: left out: {error}', file=sys.stderr)
            return {}
        return measure(bench, {f'{SAME} {engine}': arm}, steps)


def wait(device: torch.device) -> None:
    """Until the device has done everything."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def forget_peak(device: torch.device) -> None:
    """Let `peak` be that from now on."""
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
    elif Path('/proc/self/clear_refs').exists():
        Path('/proc/self/clear_refs').write_text('5')


def peak(device: torch.device) -> float:
    """Most memory of the GPU, or of this process, that was in use [MiB]."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device) / MIB
    lines = Path('/proc/self/status').read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith('VmHWM')), 0.0)


def passes_needed(episodes: int) -> dict[str, dict[str, float]]:
    """Passes more of a look, for answers as an episode gives them, in three ways of reading."""
    ways = {
        'no tens guessed': VlmSettings(draft=False),
        'tens guessed': VlmSettings(),
        'decimals cut': VlmSettings(decimals=False),
    }
    return {
        kind: {name: passes(settings, decimals, episodes) for name, settings in ways.items()}
        for kind, decimals in (('whole numbers', False), ('one decimal', True))
    }


def targets(
    rows: dict[str, dict[str, Any]], needed: dict[str, dict[str, float]]
) -> dict[str, list[Any]]:
    """What was wished, what came out, and whether that is enough."""
    usual, ours = rows[USUAL], rows[PRODUCT]
    cut = needed['whole numbers']['decimals cut']
    share = ours['tokens'] / usual['tokens']
    faster = {
        f'times faster, {how}': [FASTER, rows[name]['faster'], rows[name]['faster'] >= FASTER]
        for name, how in ((PRODUCT, 'torch'), *((n, n.split()[-1]) for n in rows if SAME in n))
    }
    return {
        'language tokens, share': [MOST_TOKENS, share, share <= MOST_TOKENS],
        'pictures of 24': [PICTURES, ours['pictures'], ours['pictures'] <= PICTURES],
        'passes of whole numbers, decimals cut': [0, cut, cut == 0],
        **faster,
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The ways for people."""
    columns = (
        ('p50', 'p50_ms', '.0f'), ('p95', 'p95_ms', '.0f'), ('p99', 'p99_ms', '.0f'),
        ('times', 'faster', '.2f'), ('after', 'after_ms', '.0f'), ('tokens', 'tokens', '.0f'),
        ('ahead', 'tokens_ahead', '.0f'), ('pictures', 'pictures', '.0f'),
        ('passes', 'decode_steps', '.2f'), ('peak MiB', 'peak_mib', '.0f'),
        ('alike', 'same_answers', '.2f'), ('apart', 'logits_apart', '.0e'),
    )  # fmt: skip
    lines = [f'{"per step; times in ms":28}' + ''.join(f'{title:>9}' for title, _, _ in columns)]
    lines += [
        f'{name:28}' + ''.join(f'{row[key]:9{form}}' for _, key, form in columns)
        for name, row in rows.items()
    ]
    return '\n'.join(lines)


def machine(device: torch.device) -> str:
    """What it ran on."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return f'{platform.machine()}, {os.cpu_count()} cores, no GPU'


def wishes(words: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--model', choices=SIZES, default='grm-3b')
    parser.add_argument('--scale', type=int, choices=(1, 2, 4, 8, 16),
                        help='times narrower and shallower (default: 4, on a GPU 1)')  # fmt: skip
    parser.add_argument('--steps', type=int, help='(default: 20, on a GPU 200)')
    parser.add_argument('--robots', type=int, default=4, help='in one batch; 0: leave that out')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--precision', choices=('auto', *PRECISIONS), default='auto')
    parser.add_argument('--engine', choices=('auto', 'none', 'onnx', 'tensorrt'), default='auto',
                        help='of the compiled model that is measured as well')  # fmt: skip
    parser.add_argument('--threads', type=int, default=0, help='of the processor (default: all)')
    parser.add_argument('--json', type=Path)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Build, measure, print, and keep."""
    args = wishes(words)
    device = choose_device(args.device)
    gpu = device.type == 'cuda'
    if args.threads:
        torch.set_num_threads(args.threads)
    kind = choose_dtype(PRECISIONS.get(args.precision, 'auto'), device)
    family, size = SIZES[args.model]
    scale = args.scale or (1 if gpu else 4)
    size = scaled(size, scale) if scale > 1 else size
    steps = args.steps or (200 if gpu else 20)
    bench = Bench(build(args.model, family, size, device, kind))
    runs = measure(bench, bench.arms(), steps)
    engine = ('tensorrt' if gpu else 'onnx') if args.engine == 'auto' else args.engine
    if engine != 'none':
        runs |= compiled(bench, engine, args.threads, steps)
    rows = {name: run.row(runs[USUAL]) for name, run in runs.items()}
    rates = bench.together(args.robots, max(2, steps // 10)) if args.robots else {}
    needed = passes_needed(episodes=25)
    result = {
        'machine': machine(device),
        'model': args.model,
        'scale': scale,
        'precision': str(kind).removeprefix('torch.'),
        'picture_in_tokens': picture_in_tokens(size, family),
        'steps': steps,
        'rows': rows,
        'robots': args.robots,
        'steps_per_second': rates,
        'passes_needed': needed,
        'targets': targets(rows, needed),
    }
    print(told(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')
    exact = kind is torch.float32
    return 0 if not exact or all(row['same_answers'] == 1 for row in rows.values()) else 1


def told(result: dict[str, Any]) -> str:
    """Everything for people."""
    model = result['model'] + (f' / {result["scale"]}' if result['scale'] > 1 else '')
    lines = [
        f'{model} of random weights, {result["precision"]}, {result["machine"]}; '
        f'{result["steps"]} steps; a picture costs as much as '
        f'{result["picture_in_tokens"]:.0f} tokens',
        table(result['rows']),
        '',
        *(
            f'{result["robots"]} robots in one batch, {name}: {rate:.2f} steps/s'
            for name, rate in result['steps_per_second'].items()
        ),
        *(
            f'passes more of a look, {kind} as an episode gives them: '
            + ', '.join(f'{name} {count:.2f}' for name, count in ways.items())
            for kind, ways in result['passes_needed'].items()
        ),
        *(
            f'target {name}: {wished}, {found:.3f}: {"met" if met else "NOT MET"}'
            for name, (wished, found, met) in result['targets'].items()
        ),
    ]
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
