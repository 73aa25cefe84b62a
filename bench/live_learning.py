"""Learning live: the whole cell in real time over ROS 2, from its first rollout to the last.

    .venv/bin/robo-dopamine bench live_learning                                  half an hour
    .venv/bin/python bench/live_learning.py [--run RUN] [--rollouts 150] [--kill-learner 75]

A run is prepared by `robo-dopamine train --rollouts 0` unless one is given, then `robo-dopamine up
learn` runs as it is: simulator, gate, teleoperation, a person who stands by in the first episodes
and steps in by gamepad, reward model, conductor, policy, recorder, learner. The bench listens. In
the middle it ends the learner by kill -9. Success is the simulator's truth when the episode ended;
`alone` counts those in which nobody stepped in.
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

from _figures import Row, figures, listed, row_of, table  # noqa: E402 (needs the environment)
from _keeper import Deed, Keeper  # noqa: E402
from _live import Live  # noqa: E402
from _prepared import StuckError, apart, prepared, words  # noqa: E402
from _up import Up  # noqa: E402
from tqdm import tqdm  # noqa: E402

from robo_dopamine_ros.cli import curve  # noqa: E402

LOOK = 0.2  # [s] between looks
LONGEST = 60.0  # [s] for a rollout, with all that lies between two
FIRST = 150.0  # [s] for the first, the cell's start included


@dataclass
class Course:
    """What has happened so far."""

    rows: list[Row] = field(default_factory=list)
    died: int = 0  # when the learner was killed [ns]
    deeds: list[Deed] = field(default_factory=list)  # of the person in charge


def watch(up: Up, live: Live, course: Course, rollouts: int, kill: int) -> None:
    """Let so many rollouts happen, and end the learner after rollout `kill`."""
    keeper, rows = Keeper(live), course.rows
    course.deeds = keeper.deeds
    deadline = time.monotonic() + FIRST
    with tqdm(total=rollouts, unit='rollout') as bar:
        while len(rows) < rollouts:
            time.sleep(LOOK)
            if not up.alive:
                raise StuckError(f'the cell ended:\n{up.last_words()}')
            if time.monotonic() > deadline:
                raise StuckError(f'rollout {len(rows) + 1} does not end:\n{up.last_words()}')
            keeper.update(time.monotonic())
            for one in live.rollouts()[len(rows) :]:
                rows.append(row_of(live, one, len(rows)))
                bar.update()
                deadline = time.monotonic() + LONGEST
            if kill and not course.died and len(rows) >= kill and 'learner' in up.pids():
                course.died = live.now()
                up.kill('learner')
            bar.set_postfix_str(state(live, rows, keeper))


def state(live: Live, rows: Sequence[Row], keeper: Keeper) -> str:
    """How it stands, in a few words."""
    told = [row.told for row in rows]
    words = [f'alone {curve.rate(told):.2f} {curve.line(told, 12)}']
    words += [f'{live.episode.phase.name.lower()} {live.ticks[-1].mode.name}'] if live.ticks else []
    if live.statuses:
        newest = live.statuses[-1]
        words.append(f'policy {newest.version}, {newest.rate:.0f} updates/s')
    words += [f'helped out {len(keeper.deeds)} times'] if len(keeper.deeds) > 1 else []
    return ', '.join(words)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--run', type=Path, help='folder of a prepared run (default: a new one)')
    parser.add_argument('--rollouts', type=int, default=150)
    parser.add_argument('--kill-learner', type=int, metavar='N', help='after rollout N; 0: never')
    parser.add_argument('--out', type=Path, default=Path('runs/live_learning'))
    parser.add_argument('--set', action='append', default=[], help='as of `robo-dopamine up`')
    parser.add_argument('--json', type=Path, help='file for the result')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing may be left behind
    apart()
    folder = prepared(args.run, args.out)
    kill = args.rollouts // 2 if args.kill_learner is None else args.kill_learner
    live, course = Live(), Course()
    stuck, began = '', time.monotonic()
    with live:
        try:
            with Up(args.out / 'cell.log', *words(folder, args.set)) as up:
                watch(up, live, course, args.rollouts, kill)
        except (StuckError, KeyboardInterrupt) as error:
            stuck = str(error) or 'interrupted'
    told = figures(live, course.rows, course.died)
    machine = f'{platform.machine()}, {os.cpu_count()} cores'
    told |= {
        'seconds': time.monotonic() - began,
        'stuck': stuck,
        'machine': machine,
        'run': str(folder.path),
    }
    print(table(told))
    text = json.dumps(told | {'rows': listed(course.rows)}, indent=2)
    for path in filter(None, (args.out / 'result.json', args.json)):
        path.write_text(text + '\n', encoding='utf-8')
    if course.rows:
        curve.draw([row.told for row in course.rows], 'live, by the truth', args.out / 'curve.png')
    return 1 if stuck else 0


if __name__ == '__main__':
    sys.exit(main())
