"""Evaluation of a reward model on simulated insertions it was not trained on.

.venv/bin/python bench/insertion.py [--model models/grm] [--seed 1] [--looks both] [--json FILE]

60 rollouts by default: 20 demonstrations, 20 that end partial, and 20 failures of which half are
near misses; and separately 20 recoveries, whose true progress is not monotonic. Grades are the
ground truth of the simulator. Rows `truth` are the scores of the true progress itself.
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

from robo_dopamine_ros.envs.rollouts import RolloutRecorder
from robo_dopamine_ros.grm.loading import load
from robo_dopamine_ros.reward.evaluation import evaluate
from robo_dopamine_ros.reward.evaluation_report import EvaluationReport
from robo_dopamine_ros.reward.metrics import OutcomeRule, voc
from robo_dopamine_ros.sim import ground_truth
from robo_dopamine_ros.sim.domain_randomization import VisualRandomization
from robo_dopamine_ros.types import Recording

MODEL = Path(__file__).parents[1] / 'models' / 'grm'
STYLES = {  # how many of every 20, and the grade each must have
    'demonstration': (20, ground_truth.SUCCESS),
    'partial': (20, ground_truth.PARTIAL),
    'near_miss': (10, ground_truth.FAILURE),
    'failure': (10, ground_truth.FAILURE),
}
COLUMNS = ('accuracy', 'auc', 'voc', 'mae', 'recall', 'false', 'of')


def draw(
    recorder: RolloutRecorder,
    style: str,
    grade: str,
    count: int,
    seed: int,
    looks: VisualRandomization | None,
) -> Iterator[Recording]:
    """`count` episodes of a style whose true grade is `grade`."""
    while count > 0:
        episode = recorder.recording(style, seed, looks)
        seed += 1
        if episode.grade == grade:
            count -= 1
            yield episode


def evaluate_with_bar(model: Any, episodes: Sequence[Recording], title: str) -> EvaluationReport:
    """Evaluate with a progress bar."""
    layout = '{desc} {percentage:3.0f}%|{bar}| {elapsed} < {remaining}'
    with tqdm(total=1.0, bar_format=layout, desc=title, disable=None) as bar:
        return evaluate(
            model,
            episodes,
            rng=np.random.default_rng(0),
            progress=lambda share, _: bar.update(share - bar.n) and None,
            clock=time.perf_counter,
        )


def row(report: EvaluationReport) -> dict[str, Any]:
    """The scores in the table."""
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
    """Outcome accuracy and VOC of the true progress."""
    curves = [(episode.grade, episode.progress) for episode in episodes]
    correct = [OutcomeRule()(curve) == grade for grade, curve in curves if curve is not None]
    vocs = [
        voc(curve) for grade, curve in curves if curve is not None and grade == ground_truth.SUCCESS
    ]
    return {'accuracy': float(np.mean(correct)), 'voc': float(np.mean(vocs))}


def show(name: str, scores: dict[str, Any]) -> None:
    """One line of the table."""
    cells = (scores.get(column) for column in COLUMNS)
    texts = ('-' if c is None else str(c) if isinstance(c, int) else f'{c:.3f}' for c in cells)
    print(f'{name:26}' + ''.join(f'{text:>10}' for text in texts))


def main() -> None:
    """Record, evaluate, print, and write JSON."""
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
    with RolloutRecorder((160, 120)) as recorder:
        for name in chosen:
            looks = VisualRandomization() if name == 'varied' else None
            episodes = [
                episode
                for style, (count, grade) in STYLES.items()
                for episode in draw(recorder, style, grade, round(count * args.share), first, looks)
            ]
            results[f'{name}: truth'] = true_row(episodes)
            results[f'{name}: model'] = row(evaluate_with_bar(model, episodes, name))
            count = round(20 * args.share)
            recoveries = list(draw(recorder, 'recovery', ground_truth.SUCCESS, count, first, looks))
            results[f'{name}: truth, recoveries'] = true_row(recoveries)
            results[f'{name}: model, recoveries'] = row(
                evaluate_with_bar(model, recoveries, 'recoveries')
            )
    machine = f'{platform.machine()}, {os.cpu_count()} cores'
    print(f'{model.name} at {args.model}, seed {args.seed}; {machine}')
    print(f'{"":26}' + ''.join(f'{column:>10}' for column in COLUMNS))
    for name, scores in results.items():
        show(name, scores)
    if args.json:
        result = {'machine': machine, 'model': model.name, 'seed': args.seed, 'rows': results}
        args.json.write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
