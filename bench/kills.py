"""Loss of data in a learning cell whose processes are ended by kill -9, again and again.

    .venv/bin/robo-dopamine bench kills                             three quarters of an hour
    .venv/bin/python bench/kills.py [--run RUN] [--count 50] [--only policy recorder] [--seed 0]

The whole cell runs as `robo-dopamine up learn`. At random moments one of its processes is killed,
`up` itself among them. The bench waits until rollouts continue; where a kill ends the cell, it runs
the command again; where the gate latched, it rearms the gate and starts an episode as an operator
would. It logs the topics, and in the end compares what the gate did with the steps in the database.

- absent: steps that were complete and are not in the database;
- unseen: how long the arm still moved by the last command while no policy ran;
- blind: how long a source acted while the policy ran but had no complete views;
- doubled, unchained: steps that cover a time twice, or do not begin where the previous one ended;
- reset: tensors that a learner does not restore from the checkpoint as they are in the file.
"""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.ros import environment

environment.activate()

from _cell_log import ACTING, CellLog, latency, ran  # noqa: E402
from _kill_sequence import Kill, KillSequence, checkpoint_of  # noqa: E402 (needs the environment)
from _run_setup import NoProgressError, prepare_run, up_arguments, use_own_domain  # noqa: E402
from _step_audit import check_restore, discontinuous, doubled, gaps, lost, stored  # noqa: E402
from _up import UpCommand  # noqa: E402
from tqdm import tqdm  # noqa: E402

from robo_dopamine_ros.training.config import RunDir  # noqa: E402
from robo_dopamine_ros.types import SECOND  # noqa: E402

TICK = 0.02  # of the gate [s]
NEAR = SECOND // 2  # a loss so long before a kill, or after all goes on, is of it [ns]
COLUMNS = (('after', '[s]'), ('absent', '[steps]'), ('unseen', '[s]'), ('blind', '[s]'))
HEADINGS = f'{"killed":12}{"while":20}{"goes on":>12}' + ''.join(f'{n:>8}' for n, _ in COLUMNS)
UNITS = f'{"":44}' + ''.join(f'{unit:>8}' for _, unit in COLUMNS)


def audit(log: CellLog, run_dir: RunDir, kills: Sequence[Kill]) -> dict[str, Any]:
    """Compare gate and database; a loss is attributed to the kill it is close to."""
    steps = stored(run_dir.database)
    late = round(
        float(np.median(latency(log.steps, log.command_stamps, log.valid_commands) or [0.0]))
        * SECOND
    )
    found = list(gaps(log.ticks, ran(log.episodes), steps, log.command_stamps))
    for gap in found:
        kill = of(kills, gap.begin)
        if kill:
            kill.absent += gap.absent(late)
            kill.unseen += gap.unseen
            kill.blind += gap.blind
    announced = lost(log.steps, steps)
    for step in announced:
        kill = of(kills, step.end)
        if kill:
            kill.absent += 1
    return {
        'steps': len(steps),
        'announced': len({(step.epoch, step.sequence) for step in log.steps}),
        'announced_absent': len(announced),
        'absent': sum(kill.absent for kill in kills),
        'absent_most': max((kill.absent for kill in kills), default=0),
        'unseen_s': sum(kill.unseen for kill in kills),
        'acted_s': sum(tick.mode in ACTING for tick in log.ticks) * TICK,
        'blind_s': sum(gap.blind for gap in found),
        'doubled': doubled(steps),
        'unchained': discontinuous(steps),
        'gaps': [gap._asdict() for gap in found],
    }


def of(kills: Sequence[Kill], stamp: int) -> Kill | None:
    """The kill whose recovery contains a stamp [ns]."""
    spans = ((d, d.stamp - NEAR, d.stamp + NEAR + round(d.seconds * SECOND)) for d in kills)
    return next((kill for kill, begin, end in spans if begin <= stamp <= end), None)


def resumed(kills: Sequence[Kill], run_dir: RunDir, copies: Path) -> dict[str, int]:
    """Restores of the checkpoint at each kill, and the updates of restarted learners."""
    for number, kill in enumerate(kills):
        kill.checkpoint, other = check_restore(run_dir, copies / checkpoint_of(number))
        kill.reset = tuple(other)
    again = [kill for kill in kills if kill.resumed is not None]
    return {
        'learner_started_again': len(again),
        'tensors_reset': sum(len(kill.reset) for kill in kills),
        'went_back': sum(kill.resumed < kill.checkpoint for kill in again),  # type: ignore[operator]
        'checkpoints_fell': sum(b.checkpoint < a.checkpoint for a, b in pairwise(kills)),
    }


def show(kill: Kill) -> str:
    """One row of the table."""
    how = f'up again {kill.commands}' if kill.commands else 'by itself'
    moment = f'{kill.mode.lower()}, {kill.phase}'
    numbers = f'{kill.seconds:>8.0f}{kill.absent:>8}{kill.unseen:>8.2f}{kill.blind:>8.2f}'
    return f'{kill.who:12}{moment:20}{how:>12}{numbers}  {kill.actions}'


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--run', type=Path, help='directory of a prepared run (default: a new one)')
    parser.add_argument('--count', type=int, default=50, help='of kills')
    parser.add_argument(
        '--only', nargs='+', metavar='PROCESS', default=[], help='processes to kill'
    )
    parser.add_argument('--seed', type=int, default=0, help='of moments and processes')
    parser.add_argument('--out', type=Path, default=Path('runs/kills'))
    parser.add_argument('--set', action='append', default=[], help='as of `robo-dopamine up`')
    parser.add_argument('--json', type=Path, help='file for the result')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing may be left behind
    use_own_domain()
    run_dir, copies = prepare_run(args.run, args.out), args.out / 'checkpoints'
    copies.mkdir(exist_ok=True)
    kills: list[Kill] = []
    log, stuck, began = CellLog(), '', time.monotonic()
    with log:
        try:
            with UpCommand(args.out / 'cell.log', *up_arguments(run_dir, args.set)) as up:
                sequence = KillSequence(up, log, run_dir, np.random.default_rng(args.seed))
                for kill in tqdm(sequence.run(args.count, args.only, copies), total=args.count):
                    kills.append(kill)
                    tqdm.write(show(kill))
        except (NoProgressError, KeyboardInterrupt) as error:
            stuck = str(error) or 'interrupted'
    told: dict[str, Any] = {'deaths': len(kills), 'seconds': time.monotonic() - began}
    told |= audit(log, run_dir, kills) | resumed(kills, run_dir, copies)
    told |= {'stuck': stuck, 'machine': f'{platform.machine()}, {os.cpu_count()} cores'}
    print('\n'.join([f'{HEADINGS}  person', UNITS, *map(show, kills)]))
    plain = {name: value for name, value in told.items() if name != 'gaps'}
    print('\n'.join(f'{name.replace("_", " "):28}{value}' for name, value in plain.items()))
    text = json.dumps(told | {'rows': [asdict(kill) for kill in kills]}, indent=2)
    for path in filter(None, (args.out / 'result.json', args.json)):
        path.write_text(text + '\n', encoding='utf-8')
    return 0 if passed(told) and not stuck else 1


def passed(told: dict[str, Any]) -> bool:
    """Whether all is as promised."""
    none = ('doubled', 'unchained', 'tensors_reset', 'went_back')
    return told['absent_most'] <= 1 and not any(told[name] for name in none)


if __name__ == '__main__':
    sys.exit(main())
