"""The experiment: from one demonstration to a policy, with the reward model and with baselines.

    .venv/bin/robo-dopamine bench dopamine_rl                         all of it: hours
    .venv/bin/python bench/dopamine_rl.py --out runs/rl [--only headline sparse] [--seeds 0]

Every experiment is `robo-dopamine train` with other options, one after the other; a finished run is
not repeated, an interrupted one is resumed. Table to stdout; result.json and curves.png in the
folder. Experiments with one seed are marked: they show a direction, not a size. Unknown options are
passed to `train`.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.training import stages
from robo_dopamine_ros.training.online_trainer import EpisodeResult

THREE_SEEDS, ONE_SEED = (0, 1, 2), (0,)
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
class Experiment:
    """Options of `train`, and seeds."""

    name: str
    options: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ONE_SEED


SHORT = ('--rollouts', '75')
EXPERIMENTS = (
    Experiment('headline, 120 rollouts', (), THREE_SEEDS),
    Experiment('75 rollouts', SHORT, THREE_SEEDS),
    Experiment('75, 5 with interventions', (*SHORT, '--interventions', '5'), THREE_SEEDS),
    Experiment('sparse', (*SHORT, '--reward', 'sparse'), THREE_SEEDS),
    Experiment('absolute', (*SHORT, '--reward', 'absolute'), THREE_SEEDS),
    Experiment('absolute, scaled', (*SHORT, '--reward', 'scaled'), THREE_SEEDS),
    Experiment('no interventions', (*SHORT, '--interventions', '0')),
    Experiment('all views', (*SHORT, '--policy-views', 'front', 'left_wrist', 'right_wrist')),
    Experiment('consistency', (*SHORT, '--fusion', 'consistency')),
    Experiment('incremental alone', (*SHORT, '--perspective', 'incremental')),
    Experiment('forward alone', (*SHORT, '--perspective', 'forward')),
    Experiment('backward alone', (*SHORT, '--perspective', 'backward')),
    Experiment('ConRFT', (*SHORT, '--algorithm', 'conrft')),
    Experiment('SAC', (*SHORT, '--algorithm', 'sac')),
    Experiment('1 mm, 20 demonstrations', ('--clearance', '0.001', '--demonstrations', '20')),
)


def run_path(out: Path, experiment: Experiment, seed: int) -> Path:
    return out / f'{experiment.name.replace(",", "").replace(" ", "_")}-{seed}'


def train(out: Path, experiment: Experiment, seed: int, rest: list[str]) -> dict[str, Any]:
    """Run one seed of an experiment to its end, or read its result."""
    folder = run_path(out, experiment, seed)
    if not (folder / 'result.json').exists():
        command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'train', '--json']
        resumed = (folder / 'run.json').exists()
        where = ['--resume', str(folder)] if resumed else ['--out', str(folder)]
        options = [] if resumed else [*experiment.options, '--seed', str(seed), *rest]
        subprocess.run([*command, *where, *options], check=True, stdout=subprocess.DEVNULL)
    return read_result(folder)


def read_result(folder: Path) -> dict[str, Any]:
    """Return the result of a run, with its success rate over the last 20 after every rollout."""
    result = json.loads((folder / 'result.json').read_text(encoding='utf-8'))
    lines = (folder / 'rollouts.jsonl').read_text(encoding='utf-8').splitlines()
    results = [EpisodeResult(**json.loads(line)) for line in lines]
    rates = [stages.recent_success_rate(results[:n]) for n in range(1, len(results) + 1)]
    reached = (n for n, rate in enumerate(rates, 1) if n >= stages.WINDOW and rate >= 0.9)
    return {**result, 'reached': next(reached, None), 'curve': rates}


def format_row(name: str, results: list[dict[str, Any]]) -> str:
    """Mean over the seeds, and the lowest evaluation."""
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


def plot(out: Path, results: dict[str, list[dict[str, Any]]]) -> None:
    """Plot the success rate over the last 20 rollouts, mean over the seeds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel='rollout', ylabel='success without intervention, last 20')
    for number, experiment in enumerate(EXPERIMENTS):
        curves = [result['curve'] for result in results.get(experiment.name, [])]
        if curves:
            shortest = min(map(len, curves))
            mean = np.mean([curve[:shortest] for curve in curves], 0)
            style = '-' if number < 10 else '--'  # the colours repeat
            name = f'{experiment.name} ({len(curves)})'
            axes.plot(range(1, shortest + 1), mean, style, label=name)
    axes.axhline(0.95, color='grey', lw=0.8, ls=':')
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(out / 'curves.png', dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--out', type=Path, default=Path('runs/dopamine_rl'))
    parser.add_argument(
        '--only', nargs='+', choices=[experiment.name for experiment in EXPERIMENTS]
    )
    parser.add_argument('--seeds', type=int, nargs='+', help='instead of those of each experiment')
    parser.add_argument('--report', action='store_true', help='run nothing, report finished runs')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the results there as well')
    args, rest = parser.parse_known_args()
    results: dict[str, list[dict[str, Any]]] = {}
    for experiment in EXPERIMENTS:
        if args.only and experiment.name not in args.only:
            continue
        seeds = args.seeds or experiment.seeds
        if args.report:
            folders = [run_path(args.out, experiment, seed) for seed in seeds]
            results[experiment.name] = [
                read_result(f) for f in folders if (f / 'result.json').exists()
            ]
        else:
            results[experiment.name] = [train(args.out, experiment, seed, rest) for seed in seeds]
    print(f'{"experiment":28}{"seeds":>6}' + ''.join(f'{title:>14}' for _, title in COLUMNS))
    for name, runs in results.items():
        if runs:
            print(format_row(name, runs))
    print(
        '* one seed; 0.9 at: rollout from which 18 of 20 succeeded without intervention; '
        'evaluation: mean (lowest seed);\nhelped: rollouts with interventions'
    )
    text = json.dumps(results, indent=2)
    for path in filter(None, (args.out / 'result.json', args.json)):
        path.write_text(text + '\n', encoding='utf-8')
    plot(args.out, results)


if __name__ == '__main__':
    main()
