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

THREE, ONE = (0, 1, 2), (0,)
COLUMNS = (
    ('success_first20', 'first 20'),
    ('success_last20', 'last 20'),
    ('eval_success', 'evaluation'),
    ('eval_success_deterministic', 'no noise'),
    ('interventions', 'helped'),
    ('intervened_steps', 'steps'),
    ('false_success_rate', 'false'),
    ('seconds', 'seconds'),
)


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
    return json.loads((folder / 'result.json').read_text(encoding='utf-8'))


def row(name: str, results: list[dict[str, Any]]) -> str:
    """Mean of the seeds, and the least of the successes."""
    cells = []
    for key, _ in COLUMNS:
        values = [result[key] for result in results]
        text = f'{np.mean(values):.2f}' if key not in ('seconds',) else f'{np.mean(values):.0f}'
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
    for arm in ARMS:
        curves = []
        for result in told.get(arm.name, []):
            log = folder_of(out, arm, result['seed']) / 'rollouts.jsonl'
            rows = [json.loads(line) for line in log.read_text(encoding='utf-8').splitlines()]
            alone = [one['success'] and not one['helped'] for one in rows]
            curves.append([np.mean(alone[max(0, n - 20) : n]) for n in range(1, len(alone) + 1)])
        if curves:
            shortest = min(map(len, curves))
            mean = np.mean([curve[:shortest] for curve in curves], 0)
            axes.plot(range(1, shortest + 1), mean, label=f'{arm.name} ({len(curves)})')
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
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the results there as well')
    args, rest = parser.parse_known_args()
    told: dict[str, list[dict[str, Any]]] = {}
    for arm in ARMS:
        if args.only and arm.name not in args.only:
            continue
        seeds = args.seeds or arm.seeds
        told[arm.name] = [train(args.out, arm, seed, rest) for seed in seeds]
    print(f'{"arm":28}{"seeds":>6}' + ''.join(f'{title:>14}' for _, title in COLUMNS))
    for name, results in told.items():
        print(row(name, results))
    print(
        '* one seed; evaluation: mean (least seed); helped: rollouts in which a person stepped in'
    )
    text = json.dumps(told, indent=2)
    for path in filter(None, (args.out / 'result.json', args.json)):
        path.write_text(text + '\n', encoding='utf-8')
    draw(args.out, told)


if __name__ == '__main__':
    main()
