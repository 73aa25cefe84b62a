"""Latency and computations of a step of a published GRM, one speed-up after another.

    .venv/bin/robo-dopamine bench grm_latency
    .venv/bin/python bench/grm_latency.py [--model grm2-4b] [--scale 4] [--steps 20] [--robots 4]

Weights are random. On a GPU the model has the published size; elsewhere it is four times narrower
and shallower, where an image costs as many tokens as in the large one. The prompt has the official
lengths. A step has three queries (incremental, forward, backward) about 640x480 images. All
variants take the same steps in turn and must give the same answers.
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
from _grm_batching import BatchingServer
from _grm_decode_steps import decode_steps
from _grm_random_model import SIZES, TASK_TEXT, build, image_in_tokens, random_prompt, scaled
from _grm_variants import (
    BiasedEngine,
    ConstrainedReference,
    PartialVlmGRM,
    UncachedVariant,
    Variant,
)
from torch import Tensor
from tqdm import tqdm

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.compiled.export import export
from robo_dopamine_ros.grm.vlm.compiled.graph_engine import VlmGraphEngine
from robo_dopamine_ros.grm.vlm.device import choose_device, choose_dtype
from robo_dopamine_ros.grm.vlm.engine import NetworkShape, VlmEngine
from robo_dopamine_ros.grm.vlm.image_processor import smart_resize
from robo_dopamine_ros.grm.vlm.kv_cache import PERSPECTIVES
from robo_dopamine_ros.grm.vlm.model import ComputeCost, VlmGRM, VlmProcessor
from robo_dopamine_ros.grm.vlm.network.torch_engine import VlmTorchEngine
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.answer_tree import AnswerTree
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout
from robo_dopamine_ros.grm.vlm.query.prompt import TASK
from robo_dopamine_ros.grm.vlm.settings import PRECISIONS, VlmSettings
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

CAMERA = (640, 480)  # columns, rows [px]
NODES = 3  # of every tree: sign and two digits
WARM_UP = 2  # steps; the first has no views before
MAX_TOKEN_SHARE, MAX_IMAGES, MIN_SPEEDUP = 0.60, 3, 2.5  # targets: share, of 24, times
BASELINE, PRODUCT, SAME = "the authors' script", '+ draft rows', 'the same,'
MIB = 2**20


@dataclass
class Run:
    """Measurements of one variant, step by step."""

    latencies: list[float] = field(default_factory=list)  # [s]
    cpu_times: list[float] = field(default_factory=list)  # of all threads [s]
    prepare_times: list[float] = field(default_factory=list)  # of prepare_next [s]
    costs: list[ComputeCost] = field(default_factory=list)  # `tokens`: all those of the step
    answers: list[dict[str, str]] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)  # (queries, NODES, symbols) logits
    peak: float = 0.0  # memory [MiB]

    def step(self, variant: Variant, views: Views, device: torch.device) -> None:
        """Measure one step."""
        reset_peak(device)
        before, begun, cpu_begun = variant.cost, time.perf_counter(), time.process_time()
        variant.step(views)
        wait(device)
        done, cpu_done, cost = time.perf_counter(), time.process_time(), variant.cost
        variant.prepare_next()
        wait(device)
        self.latencies.append(done - begun)
        self.cpu_times.append(cpu_done - cpu_begun)
        self.prepare_times.append(time.perf_counter() - done)
        spent = [late - early for late, early in zip(cost, before, strict=True)]
        prefetched = variant.cost.prefetch_tokens - cost.prefetch_tokens
        self.costs.append(ComputeCost(spent[0], spent[1] + spent[2], prefetched, spent[3]))
        self.answers.append({row: one.path for row, one in variant.answers.items()})
        self.logits.append(
            torch.stack(
                [nodes(*variant.answer_logits[row], self.answers[-1][row]) for row in PERSPECTIVES]
            )
        )
        self.peak = max(self.peak, peak(device))

    def row(self, baseline: 'Run') -> dict[str, Any]:
        """Metrics per step."""
        p50, p95, p99 = (1e3 * float(np.percentile(self.latencies, q)) for q in (50, 95, 99))
        images, tokens, prefetched, steps = np.mean(self.costs, 0)
        same = np.mean([a == b for a, b in zip(self.answers, baseline.answers, strict=True)])
        both = zip(self.logits, baseline.logits, strict=True)
        difference = max(float((a - b).abs().max()) for a, b in both)
        return {
            'p50_ms': p50,
            'p95_ms': p95,
            'p99_ms': p99,
            'faster': float(np.median(baseline.latencies) / np.median(self.latencies)),
            'processor_ms': 1e3 * float(np.median(self.cpu_times)),
            'after_ms': 1e3 * float(np.median(self.prepare_times)),
            'pictures': float(images),
            'tokens': float(tokens),
            'tokens_ahead': float(prefetched),
            'decode_steps': float(steps),
            'peak_mib': self.peak,
            'same_answers': float(same),
            'logits_apart': difference,
        }


class Bench:
    """One model and its variants."""

    def __init__(self, checkpoint: PublishedCheckpoint, camera: tuple[int, int] = CAMERA) -> None:
        self.checkpoint, self.camera, self.prompt = checkpoint, camera, random_prompt()
        self.tokens = AnswerTokens.of(checkpoint.tokenizer)
        height, width = smart_resize(camera[1], camera[0], checkpoint.images)
        self.engine: VlmEngine = VlmTorchEngine(checkpoint.model, height, width, self.tokens.ids)
        self.reference = ConstrainedReference(checkpoint, self.prompt)

    def variants(self) -> dict[str, Variant]:
        """All variants that run in torch, each with one more speed-up."""
        engine, processor = BiasedEngine(self.engine), self.processor(self.engine.shape)
        partly = partial(PartialVlmGRM, 'bench', engine, processor)
        whole = partial(VlmGRM, 'bench', engine, processor)
        return {
            BASELINE: UncachedVariant(self.reference, batch=False),
            '+ three queries in a batch': UncachedVariant(self.reference, batch=True),
            '+ vision cache': partly(kv_cache=False, prefetch=False),
            '+ keys and values': partly(kv_cache=True, prefetch=False),
            '+ prefetched last views': partly(kv_cache=True, prefetch=True),
            '+ answer trees': whole(VlmSettings(draft=False)),
            PRODUCT: whole(VlmSettings()),
            'no decimals instead': whole(VlmSettings(decimals=False)),
        }

    def compiled(self, folder: Path, engine: str, threads: int = 0) -> Variant:
        """VlmGRM run by ONNX Runtime or TensorRT."""
        export(self.checkpoint, folder, self.camera, self.prompt)
        graphs = VlmGraphEngine.open(folder, engine, threads)
        return VlmGRM('bench', BiasedEngine(graphs), self.processor(graphs.shape), VlmSettings())

    def processor(self, shape: NetworkShape) -> VlmProcessor:
        """Processor of the model; every task is laid out once."""
        tokenizer, layouts = self.checkpoint.tokenizer, {}
        chat = self.checkpoint.render_chat(self.prompt.parts(TASK))

        def layout_for(task: str) -> PromptLayout:
            if task not in layouts:
                layouts[task] = PromptLayout.of(tokenizer, chat, task, shape, self.tokens)
            return layouts[task]

        return VlmProcessor(layout_for, self.tokens, self.checkpoint.images)

    def views(self, count: int, seed: int = 0) -> list[Views]:
        """Views of three cameras; in each a box moves over a static scene."""
        rng, (columns, rows) = np.random.default_rng(seed), self.camera
        shape = (rows // 20, columns // 20, 3)
        scenes = {v: rng.integers(0, 256, shape, np.uint8) for v in VIEWS}
        steps = []
        for number in range(count):
            images = {}
            for view, scene in scenes.items():
                image = scene.repeat(20, 0).repeat(20, 1)
                left = (number * columns // 40) % (columns - columns // 4)
                image[rows // 3 : rows // 2, left : left + columns // 4] = (200, 30, number)
                images[view] = image
            steps.append(Views(images, dict.fromkeys(VIEWS, number)))
        return steps

    def context(self, first: Views, seed: int = 0) -> TaskContext:
        """The task, with the front view of its goal, as in the authors' script."""
        front = VIEWS[0]
        last = self.views(40, seed)[-1].images[front]
        return TaskContext(TASK_TEXT, first, Views({front: last}, {front: 0}))

    def together(self, robots: int, steps: int) -> dict[str, float]:
        """Steps per second of several robots in one batch: the authors' script, and VlmGRM."""
        views = [self.views(WARM_UP + steps, seed) for seed in range(robots)]
        starts = [self.context(mine[0], seed) for seed, mine in enumerate(views)]
        baselines = [UncachedVariant(self.reference, True) for _ in starts]

        def baseline(number: int) -> None:
            queries = [
                variant.queries(mine[number]).values()
                for variant, mine in zip(baselines, views, strict=True)
            ]
            self.reference.generate(TASK_TEXT, [query for each in queries for query in each])

        server = BatchingServer(BiasedEngine(self.engine), robots)
        processor, settings = self.processor(self.engine.shape), VlmSettings(decimals=False)
        models = [VlmGRM('bench', client, processor, settings) for client in server.clients]

        def product(robot: int, number: int) -> None:
            models[robot].step(views[robot][number])
            models[robot].prepare_next()

        for variant, start in zip(baselines, starts, strict=True):
            variant.reset(start)
        server.run_all(lambda robot: models[robot].reset(starts[robot]))
        device = self.engine.device
        variants = {
            BASELINE: baseline,
            'no decimals': lambda number: server.run_all(lambda robot: product(robot, number)),
        }
        return {name: robots / pace(step, steps, device) for name, step in variants.items()}


def nodes(tree: AnswerTree, logits: Tensor, path: str) -> Tensor:
    """Logits (NODES, symbols) on the path of an answer: of its sign and its digits."""
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


def measure(bench: Bench, variants: dict[str, Variant], steps: int) -> dict[str, Run]:
    """Step all variants in turn, so that a disturbance of the machine meets them all."""
    runs, device = {name: Run() for name in variants}, bench.engine.device
    views = bench.views(WARM_UP + steps)
    start = bench.context(views[0])
    for variant in variants.values():
        variant.reset(start)
    with tqdm(total=len(views) * len(variants), file=sys.stderr, leave=False) as bar:
        for number, now in enumerate(views):
            for name, variant in variants.items():
                bar.set_description(name, refresh=False)
                if number < WARM_UP:
                    variant.step(now)
                    variant.prepare_next()
                else:
                    runs[name].step(variant, now, device)
                bar.update()
    return runs


def compiled(bench: Bench, engine: str, threads: int, steps: int) -> dict[str, Run]:
    """Measure the compiled model alone: two thread pools would disturb each other."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            variant = bench.compiled(Path(folder) / 'model', engine, threads)
        except ModelError as error:
            print(f'{engine}: left out: {error}', file=sys.stderr)
            return {}
        return measure(bench, {f'{SAME} {engine}': variant}, steps)


def wait(device: torch.device) -> None:
    """Wait until the device is idle."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def reset_peak(device: torch.device) -> None:
    """Reset the statistics of `peak`."""
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
    elif Path('/proc/self/clear_refs').exists():
        Path('/proc/self/clear_refs').write_text('5')


def peak(device: torch.device) -> float:
    """Peak memory of the GPU, or of this process [MiB]."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device) / MIB
    lines = Path('/proc/self/status').read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith('VmHWM')), 0.0)


def decode_steps_needed(episodes: int) -> dict[str, dict[str, float]]:
    """Decode steps per step for answers of an episode, with three decoder settings."""
    decoders = {
        'no draft rows': VlmSettings(draft=False),
        'draft rows': VlmSettings(),
        'no decimals': VlmSettings(decimals=False),
    }
    return {
        kind: {
            name: decode_steps(settings, decimals, episodes) for name, settings in decoders.items()
        }
        for kind, decimals in (('whole numbers', False), ('one decimal', True))
    }


def targets(
    rows: dict[str, dict[str, Any]], needed: dict[str, dict[str, float]]
) -> dict[str, list[Any]]:
    """Target, result, and whether it is met, by name."""
    baseline, ours = rows[BASELINE], rows[PRODUCT]
    no_decimals = needed['whole numbers']['no decimals']
    share = ours['tokens'] / baseline['tokens']
    faster = {
        f'times faster, {how}': [
            MIN_SPEEDUP,
            rows[name]['faster'],
            rows[name]['faster'] >= MIN_SPEEDUP,
        ]
        for name, how in ((PRODUCT, 'torch'), *((n, n.split()[-1]) for n in rows if SAME in n))
    }
    return {
        'language tokens, share': [MAX_TOKEN_SHARE, share, share <= MAX_TOKEN_SHARE],
        'images of 24': [MAX_IMAGES, ours['pictures'], ours['pictures'] <= MAX_IMAGES],
        'decode steps of whole numbers, no decimals': [0, no_decimals, no_decimals == 0],
        **faster,
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The variants as a text table."""
    columns = (
        ('p50', 'p50_ms', '.0f'), ('p95', 'p95_ms', '.0f'), ('p99', 'p99_ms', '.0f'),
        ('times', 'faster', '.2f'), ('prepare', 'after_ms', '.0f'), ('tokens', 'tokens', '.0f'),
        ('prefetch', 'tokens_ahead', '.0f'), ('images', 'pictures', '.0f'),
        ('decode', 'decode_steps', '.2f'), ('peak MiB', 'peak_mib', '.0f'),
        ('same', 'same_answers', '.2f'), ('max diff', 'logits_apart', '.0e'),
    )  # fmt: skip
    lines = [f'{"per step; times in ms":28}' + ''.join(f'{title:>9}' for title, _, _ in columns)]
    lines += [
        f'{name:28}' + ''.join(f'{row[key]:9{form}}' for _, key, form in columns)
        for name, row in rows.items()
    ]
    return '\n'.join(lines)


def machine(device: torch.device) -> str:
    """Name of the GPU or CPU."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return f'{platform.machine()}, {os.cpu_count()} cores, no GPU'


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """Command line options."""
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
    """Build, measure, print, and save."""
    args = parse(words)
    device = choose_device(args.device)
    gpu = device.type == 'cuda'
    if args.threads:
        torch.set_num_threads(args.threads)
    dtype = choose_dtype(PRECISIONS.get(args.precision, 'auto'), device)
    family, size = SIZES[args.model]
    scale = args.scale or (1 if gpu else 4)
    size = scaled(size, scale) if scale > 1 else size
    steps = args.steps or (200 if gpu else 20)
    bench = Bench(build(args.model, family, size, device, dtype))
    runs = measure(bench, bench.variants(), steps)
    engine = ('tensorrt' if gpu else 'onnx') if args.engine == 'auto' else args.engine
    if engine != 'none':
        runs |= compiled(bench, engine, args.threads, steps)
    rows = {name: run.row(runs[BASELINE]) for name, run in runs.items()}
    rates = bench.together(args.robots, max(2, steps // 10)) if args.robots else {}
    needed = decode_steps_needed(episodes=25)
    result = {
        'machine': machine(device),
        'model': args.model,
        'scale': scale,
        'precision': str(dtype).removeprefix('torch.'),
        'picture_in_tokens': image_in_tokens(size, family),
        'steps': steps,
        'rows': rows,
        'robots': args.robots,
        'steps_per_second': rates,
        'passes_needed': needed,
        'targets': targets(rows, needed),
    }
    print(as_text(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')
    exact = dtype is torch.float32
    return 0 if not exact or all(row['same_answers'] == 1 for row in rows.values()) else 1


def as_text(result: dict[str, Any]) -> str:
    """All results as text."""
    model = result['model'] + (f' / {result["scale"]}' if result['scale'] > 1 else '')
    lines = [
        f'{model} of random weights, {result["precision"]}, {result["machine"]}; '
        f'{result["steps"]} steps; an image costs as much as '
        f'{result["picture_in_tokens"]:.0f} tokens',
        table(result['rows']),
        '',
        *(
            f'{result["robots"]} robots in one batch, {name}: {rate:.2f} steps/s'
            for name, rate in result['steps_per_second'].items()
        ),
        *(
            f'decode steps, {kind} as in an episode: '
            + ', '.join(f'{name} {count:.2f}' for name, count in steps.items())
            for kind, steps in result['passes_needed'].items()
        ),
        *(
            f'target {name}: {target}, {value:.3f}: {"met" if met else "NOT MET"}'
            for name, (target, value, met) in result['targets'].items()
        ),
    ]
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
