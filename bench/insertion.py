"""How well a reward model judges simulated insertions it has never seen.

.venv/bin/python bench/insertion.py [--model models/grm] [--seed 1] [--looks both] [--json FILE]

60 rollouts by default: 20 demonstrations, 20 that end partial, 20 failures of which half are near
misses; and 20 recoveries beside them, told apart because their true progress goes back and forth.
Grades are the simulator's truth. `truth` is what the true progress itself would score.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from robo_dopamine_ros.reward.evaluate import evaluate
from robo_dopamine_ros.reward.loading import load
from robo_dopamine_ros.reward.report import Report
from robo_dopamine_ros.sim import truth
from robo_dopamine_ros.sim.rollouts import Studio
from robo_dopamine_ros.sim.variation import Looks
from robo_dopamine_ros.types import Recording

MODEL = Path(__file__).parents[1] / 'models' / 'grm'
STYLES = {  # how many of every 20, and the grade each must have
    'demonstration': (20, truth.SUCCESS),
    'partial': (20, truth.PARTIAL),
    'near_miss': (10, truth.FAILURE),
    'failure': (10, truth.FAILURE),
}
COLUMNS = ('accuracy', 'auc', 'voc', 'mae', 'recall', 'false', 'of')


def draw(
    studio: Studio, style: str, grade: str, count: int, seed: int, looks: Looks | None
) -> Iterator[Recording]:
    """So many episodes of a style that really have its grade."""
    while count > 0:
        episode = studio.recording(style, seed, looks)
        seed += 1
        if episode.grade == grade:
            count -= 1
            yield episode


def judged(model: Any, episodes: Sequence[Recording], what: str) -> Report:
    """Evaluate with a progress bar."""
    layout = '{desc} {percentage:3.0f}%|{bar}| {elapsed} < {remaining}'
    with tqdm(total=1.0, bar_format=layout, desc=what, disable=None) as bar:
        return evaluate(
            model,
            episodes,
            rng=np.random.default_rng(0),
            progress=lambda share, _: bar.update(share - bar.n) and None,
            clock=time.perf_counter,
        )


def row(report: Report) -> dict[str, Any]:
    """The figures that count."""
    success = report.details['success']
    return {
        'accuracy': report.outcome_accuracy,
        'auc': report.success_auc,
        'voc': report.voc,
        'mae': report.mae,
        'recall': success['recall'],
        'false': success['false'],
        'of': success['unsuccessful'],
    }


def true_row(episodes: Sequence[Recording]) -> dict[str, Any]:
    """Outcome accuracy and order in time of the true progress."""
    curves = [(episode.grade, episode.progress) for episode in episodes]
    right = [truth.ruling(curve) == grade for grade, curve in curves if curve is not None]
    orders = [
        order(curve) for grade, curve in curves if curve is not None and grade == truth.SUCCESS
    ]
    return {'accuracy': float(np.mean(right)), 'voc': float(np.mean(orders))}


def order(curve: np.ndarray) -> float:
    """Spearman's correlation of a curve with time, equal values sharing their rank."""
    _, place, count = np.unique(curve, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return float(np.corrcoef(np.arange(len(curve)), ranks)[0, 1])


def show(name: str, figures: dict[str, Any]) -> None:
    """One line of the table."""
    cells = (figures.get(column) for column in COLUMNS)
    texts = ('-' if c is None else str(c) if isinstance(c, int) else f'{c:.3f}' for c in cells)
    print(f'{name:26}' + ''.join(f'{text:>10}' for text in texts))


def main() -> None:
    """Draw, judge, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--model', type=Path, default=MODEL)
    parser.add_argument('--seed', type=int, default=1, help='no two seeds share a rollout')
    parser.add_argument('--looks', choices=('plain', 'varied', 'both'), default='both')
    parser.add_argument('--share', type=float, default=1.0, help='of the 60 and the 20')
    parser.add_argument('--engine', default='auto')
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    if not args.model.exists():
        print(f'skipped: no model at {args.model}; give one with --model')
        return
    model, first = load(args.model, engine=args.engine), 10_000_000 + 10_000 * args.seed
    chosen = ('plain', 'varied') if args.looks == 'both' else (args.looks,)
    results: dict[str, Any] = {}
    with Studio((160, 120)) as studio:
        for name in chosen:
            looks = Looks() if name == 'varied' else None
            episodes = [
                episode
                for style, (count, grade) in STYLES.items()
                for episode in draw(studio, style, grade, round(count * args.share), first, looks)
            ]
            results[f'{name}: truth'] = true_row(episodes)
            results[f'{name}: model'] = row(judged(model, episodes, name))
            count = round(20 * args.share)
            mended = list(draw(studio, 'recovery', truth.SUCCESS, count, first, looks))
            results[f'{name}: truth, recoveries'] = true_row(mended)
            results[f'{name}: model, recoveries'] = row(judged(model, mended, 'recoveries'))
    machine = f'{platform.machine()}, {os.cpu_count()} cores'
    print(f'{model.name} at {args.model}, seed {args.seed}; {machine}')
    print(f'{"":26}' + ''.join(f'{column:>10}' for column in COLUMNS))
    for name, figures in results.items():
        show(name, figures)
    if args.json:
        told = {'machine': machine, 'model': model.name, 'seed': args.seed, 'rows': results}
        args.json.write_text(json.dumps(told, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
