"""Live learning: the whole cell in real time over ROS 2, from its first rollout to the last.

    .venv/bin/robo-dopamine bench live_learning                                  half an hour
    .venv/bin/python bench/live_learning.py [--run RUN] [--rollouts 150] [--kill-learner 75]

A run is prepared by `robo-dopamine train --rollouts 0` unless one is given, then `robo-dopamine up
learn` runs as it is: simulator, gate, teleoperation, a scripted operator who intervenes by gamepad
in the first episodes, reward model, episode manager, policy, recorder, learner. The bench logs its
topics. In the middle it ends the learner by kill -9. Success is the simulator's ground truth at the
end of an episode; `alone` counts the episodes without intervention.
"""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from robo_dopamine_ros.ros import environment

environment.activate()

from _auto_operator import AutoOperator, OperatorAction  # noqa: E402
from _cell_log import CellLog  # noqa: E402
from _learning_metrics import RolloutRow, row_dicts, row_of, summary, table  # noqa: E402 (needs the environment)
from _run_setup import NoProgressError, prepare_run, up_arguments, use_own_domain  # noqa: E402
from _up import UpCommand  # noqa: E402
from tqdm import tqdm  # noqa: E402

from robo_dopamine_ros.training import stages  # noqa: E402

LOOK = 0.2  # [s] between looks
LONGEST = 60.0  # [s] for a rollout, with all that lies between two
FIRST = 150.0  # [s] for the first, the cell's start included


@dataclass
class RunState:
    """Results so far."""

    rows: list[RolloutRow] = field(default_factory=list)
    died: int = 0  # when the learner was killed [ns]
    actions: list[OperatorAction] = field(default_factory=list)  # of the operator


def watch(up: UpCommand, log: CellLog, run: RunState, rollouts: int, kill: int) -> None:
    """Wait for `rollouts` rollouts, and kill the learner after rollout `kill`."""
    operator, rows = AutoOperator(log), run.rows
    run.actions = operator.actions
    deadline = time.monotonic() + FIRST
    with tqdm(total=rollouts, unit='rollout') as bar:
        while len(rows) < rollouts:
            time.sleep(LOOK)
            if not up.alive:
                raise NoProgressError(f'the cell ended:\n{up.log_tail()}')
            if time.monotonic() > deadline:
                raise NoProgressError(f'rollout {len(rows) + 1} does not end:\n{up.log_tail()}')
            operator.update(time.monotonic())
            for one in log.rollouts()[len(rows) :]:
                rows.append(row_of(log, one, len(rows)))
                bar.update()
                deadline = time.monotonic() + LONGEST
            if kill and not run.died and len(rows) >= kill and 'learner' in up.pids():
                run.died = log.now()
                up.kill('learner')
            bar.set_postfix_str(state(log, rows, operator))


def state(log: CellLog, rows: Sequence[RolloutRow], operator: AutoOperator) -> str:
    """Status line."""
    results = [row.result for row in rows]
    rate = stages.recent_success_rate(results)
    words = [f'alone {rate:.2f} {stages.sparkline(results, 12)}']
    words += [f'{log.episode.phase.name.lower()} {log.ticks[-1].mode.name}'] if log.ticks else []
    if log.statuses:
        newest = log.statuses[-1]
        words.append(f'policy {newest.version}, {newest.rate:.0f} updates/s')
    words += [f'operator acted {len(operator.actions)} times'] if len(operator.actions) > 1 else []
    return ', '.join(words)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--run', type=Path, help='directory of a prepared run (default: a new one)')
    parser.add_argument('--rollouts', type=int, default=150)
    parser.add_argument('--kill-learner', type=int, metavar='N', help='after rollout N; 0: never')
    parser.add_argument('--out', type=Path, default=Path('runs/live_learning'))
    parser.add_argument('--set', action='append', default=[], help='as of `robo-dopamine up`')
    parser.add_argument('--json', type=Path, help='file for the result')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing may be left behind
    use_own_domain()
    run_dir = prepare_run(args.run, args.out)
    kill = args.rollouts // 2 if args.kill_learner is None else args.kill_learner
    log, run = CellLog(), RunState()
    stuck, began = '', time.monotonic()
    with log:
        try:
            with UpCommand(args.out / 'cell.log', *up_arguments(run_dir, args.set)) as up:
                watch(up, log, run, args.rollouts, kill)
        except (NoProgressError, KeyboardInterrupt) as error:
            stuck = str(error) or 'interrupted'
    result = summary(log, run.rows, run.died)
    machine = f'{platform.machine()}, {os.cpu_count()} cores'
    result |= {
        'seconds': time.monotonic() - began,
        'stuck': stuck,
        'machine': machine,
        'run': str(run_dir.path),
    }
    print(table(result))
    text = json.dumps(result | {'rows': row_dicts(run.rows)}, indent=2)
    for path in filter(None, (args.out / 'result.json', args.json)):
        path.write_text(text + '\n', encoding='utf-8')
    if run.rows:
        stages.plot_success(
            [row.result for row in run.rows], 'live, by ground truth', args.out / 'curve.png'
        )
    return 1 if stuck else 0


if __name__ == '__main__':
    sys.exit(main())
