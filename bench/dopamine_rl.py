"""The experiment: from one demonstration to a policy, by the reward model and its rivals.

    .venv/bin/robo-dopamine bench dopamine_rl                         all of it: hours
    .venv/bin/python bench/dopamine_rl.py --out runs/rl [--only headline sparse] [--seeds 0]

Every arm is `robo-dopamine train` with other words, one after the other; an arm that is done is
not run again, one that was stopped goes on. Table to stdout; result.json and curves.png in the
folder. Arms with one seed are marked so: they show a direction, not a size. What it does not know
itself it hands to `train`.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.cli import curve
from robo_dopamine_ros.learning.trial import Told

THREE, ONE = (0, 1, 2), (0,)
COLUMNS = (
    ('success_first20', 'first 20'),
    ('reached', '0.9 at'),
    ('success_last20', 'last 20'),
    ('eval_success', 'evaluation'),
    ('eval_success_deterministic', 'no noise'),
    ('interventions', 'helped'),
    ('intervened_steps', 'steps'),
    ('false_success_rate', 'false'),
    ('seconds', 'seconds'),
)

WHOLE = ('reached', 'interventions', 'intervened_steps', 'seconds')


@dataclass(frozen=True)
class Arm:
    """One way to train."""

    name: str
    words: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ONE


SHORT = ('--rollouts', '75')
ARMS = (
    Arm('headline, 120 rollouts', (), THREE),
    Arm('75 rollouts', SHORT, THREE),
    Arm('75, 5 helped', (*SHORT, '--interventions', '5'), THREE),
    Arm('sparse', (*SHORT, '--reward', 'sparse'), THREE),
    Arm('absolute', (*SHORT, '--reward', 'absolute'), THREE),
    Arm('absolute, scaled', (*SHORT, '--reward', 'scaled'), THREE),
    Arm('no interventions', (*SHORT, '--interventions', '0')),
    Arm('sees all views', (*SHORT, '--sees', 'front', 'left_wrist', 'right_wrist')),
    Arm('consistency', (*SHORT, '--fusion', 'consistency')),
    Arm('incremental alone', (*SHORT, '--perspective', 'incremental')),
    Arm('forward alone', (*SHORT, '--perspective', 'forward')),
    Arm('backward alone', (*SHORT, '--perspective', 'backward')),
    Arm('ConRFT', (*SHORT, '--algorithm', 'conrft')),
    Arm('SAC', (*SHORT, '--algorithm', 'sac')),
    Arm('1 mm, 20 demonstrations', ('--clearance', '0.001', '--demonstrations', '20')),
)


def folder_of(out: Path, arm: Arm, seed: int) -> Path:
    return out / f'{arm.name.replace(",", "").replace(" ", "_")}-{seed}'


def train(out: Path, arm: Arm, seed: int, rest: list[str]) -> dict[str, Any]:
    """Run one seed of an arm to its end, or take what it left."""
    folder = folder_of(out, arm, seed)
    if not (folder / 'result.json').exists():
        command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'train', '--json']
        begun = (folder / 'run.json').exists()
        where = ['--resume', str(folder)] if begun else ['--out', str(folder)]
        words = [] if begun else [*arm.words, '--seed', str(seed), *rest]
        subprocess.run([*command, *where, *words], check=True, stdout=subprocess.DEVNULL)
    return finished(folder)


def finished(folder: Path) -> dict[str, Any]:
    """The result of a run, and its success without help after every rollout, over the last 20."""
    result = json.loads((folder / 'result.json').read_text(encoding='utf-8'))
    lines = (folder / 'rollouts.jsonl').read_text(encoding='utf-8').splitlines()
    told = [Told(**json.loads(line)) for line in lines]
    rates = [curve.rate(told[:n]) for n in range(1, len(told) + 1)]
    reached = (n for n, rate in enumerate(rates, 1) if n >= curve.WINDOW and rate >= 0.9)
    return {**result, 'reached': next(reached, None), 'curve': rates}


def row(name: str, results: list[dict[str, Any]]) -> str:
    """Mean of the seeds, and the least of the successes."""
    cells = []
    for key, _ in COLUMNS:
        values = [result[key] for result in results]
        if None in values:
            cells.append('-' if not any(values) else f'- of {len(values)}')
            continue
        text = f'{np.mean(values):.0f}' if key in WHOLE else f'{np.mean(values):.2f}'
        cells.append(f'{text} ({min(values):.2f})' if key == 'eval_success' else text)
    marked = name if len(results) > 1 else f'{name} *'
    return f'{marked:28}{len(results):>6}' + ''.join(f'{cell:>14}' for cell in cells)


def draw(out: Path, told: dict[str, list[dict[str, Any]]]) -> None:
    """Success without help over the last 20 rollouts, mean of the seeds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel='rollout', ylabel='success without help, of the last 20')
    for number, arm in enumerate(ARMS):
        curves = [result['curve'] for result in told.get(arm.name, [])]
        if curves:
            shortest = min(map(len, curves))
            mean = np.mean([curve[:shortest] for curve in curves], 0)
            style = '-' if number < 10 else '--'  # the colours begin anew there
            name = f'{arm.name} ({len(curves)})'
            axes.plot(range(1, shortest + 1), mean, style, label=name)
    axes.axhline(0.95, color='grey', lw=0.8, ls=':')
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(out / 'curves.png', dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--out', type=Path, default=Path('runs/dopamine_rl'))
    parser.add_argument('--only', nargs='+', choices=[arm.name for arm in ARMS])
    parser.add_argument('--seeds', type=int, nargs='+', help='instead of those of each arm')
    parser.add_argument('--report', action='store_true', help='run nothing, tell of what was run')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the results there as well')
    args, rest = parser.parse_known_args()
    told: dict[str, list[dict[str, Any]]] = {}
    for arm in ARMS:
        if args.only and arm.name not in args.only:
            continue
        seeds = args.seeds or arm.seeds
        if args.report:
            folders = [folder_of(args.out, arm, seed) for seed in seeds]
            told[arm.name] = [finished(f) for f in folders if (f / 'result.json').exists()]
        else:
            told[arm.name] = [train(args.out, arm, seed, rest) for seed in seeds]
    print(f'{"arm":28}{"seeds":>6}' + ''.join(f'{title:>14}' for _, title in COLUMNS))
    for name, results in told.items():
        if results:
            print(row(name, results))
    print(
        '* one seed; 0.9 at: rollout from which 18 of 20 succeeded without help; evaluation: mean '
        '(least seed);\nhelped: rollouts in which a person stepped in'
    )
    text = json.dumps(told, indent=2)
    for path in filter(None, (args.out / 'result.json', args.json)):
        path.write_text(text + '\n', encoding='utf-8')
    draw(args.out, told)


if __name__ == '__main__':
    main()
