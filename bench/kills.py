"""Nothing is lost: a learning cell whose processes are ended by kill -9, again and again.

    .venv/bin/robo-dopamine bench kills                             three quarters of an hour
    .venv/bin/python bench/kills.py [--run RUN] [--count 50] [--only policy recorder] [--seed 0]

The whole cell runs as `robo-dopamine up learn`. At a random moment one of its processes dies, `up`
itself among them. The bench waits until practice goes on by itself; where that death ends the
cell, it runs the one command again; where the gate latched, it is the person who rearms and starts.
Meanwhile it listens, and in the end compares what the gate did with what the store holds.

- absent: steps that were complete, and are not in the store;
- unseen: how long the arm still moved, by the last wish, when no policy lived to see it;
- blind: how long somebody acted while the policy lived but saw no complete views;
- doubled, unchained: steps that tell of one time twice, or do not begin where the last one ended;
- reset: tensors that a learner does not take up from the checkpoint as they are in the file.
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

from _deaths import Death, Deaths, checkpoint_of  # noqa: E402 (needs the environment)
from _live import ACTING, Live, latency, ran  # noqa: E402
from _prepared import StuckError, apart, prepared, words  # noqa: E402
from _reckoning import doubled, gaps, lost, stored, taken_up, unchained  # noqa: E402
from _up import Up  # noqa: E402
from tqdm import tqdm  # noqa: E402

from robo_dopamine_ros.learning.folder import Folder  # noqa: E402
from robo_dopamine_ros.types import SECOND  # noqa: E402

TICK = 0.02  # of the gate [s]
NEAR = SECOND // 2  # a loss so long before a death, or after all goes on, is of it [ns]
COLUMNS = (('after', '[s]'), ('absent', '[steps]'), ('unseen', '[s]'), ('blind', '[s]'))
HEADINGS = f'{"killed":12}{"while":20}{"goes on":>12}' + ''.join(f'{n:>8}' for n, _ in COLUMNS)
UNITS = f'{"":44}' + ''.join(f'{unit:>8}' for _, unit in COLUMNS)


def reckon(live: Live, folder: Folder, deaths: Sequence[Death]) -> dict[str, Any]:
    """Compare; what is lost is told of the death that it is near to."""
    steps = stored(folder.store)
    late = round(
        float(np.median(latency(live.steps, live.spoken, live.commands) or [0.0])) * SECOND
    )
    found = list(gaps(live.ticks, ran(live.episodes), steps, live.spoken))
    for gap in found:
        death = of(deaths, gap.begin)
        if death:
            death.absent += gap.absent(late)
            death.unseen += gap.unseen
            death.blind += gap.blind
    announced = lost(live.steps, steps)
    for step in announced:
        death = of(deaths, step.end)
        if death:
            death.absent += 1
    return {
        'steps': len(steps),
        'announced': len({(step.epoch, step.sequence) for step in live.steps}),
        'announced_absent': len(announced),
        'absent': sum(death.absent for death in deaths),
        'absent_most': max((death.absent for death in deaths), default=0),
        'unseen_s': sum(death.unseen for death in deaths),
        'acted_s': sum(tick.mode in ACTING for tick in live.ticks) * TICK,
        'blind_s': sum(gap.blind for gap in found),
        'doubled': doubled(steps),
        'unchained': unchained(steps),
        'gaps': [gap._asdict() for gap in found],
    }


def of(deaths: Sequence[Death], stamp: int) -> Death | None:
    """The death whose consequences a stamp lies within."""
    spans = ((d, d.stamp - NEAR, d.stamp + NEAR + round(d.seconds * SECOND)) for d in deaths)
    return next((death for death, begin, end in spans if begin <= stamp <= end), None)


def resumed(deaths: Sequence[Death], folder: Folder, copies: Path) -> dict[str, int]:
    """What a learner takes up from the checkpoint that was there at each death, and what it did."""
    for number, death in enumerate(deaths):
        death.checkpoint, other = taken_up(folder, copies / checkpoint_of(number))
        death.reset = tuple(other)
    again = [death for death in deaths if death.resumed is not None]
    return {
        'learner_started_again': len(again),
        'tensors_reset': sum(len(death.reset) for death in deaths),
        'went_back': sum(death.resumed < death.checkpoint for death in again),  # type: ignore[operator]
        'checkpoints_fell': sum(b.checkpoint < a.checkpoint for a, b in pairwise(deaths)),
    }


def show(death: Death) -> str:
    """One row of the table."""
    how = f'up again {death.commands}' if death.commands else 'by itself'
    moment = f'{death.mode.lower()}, {death.phase}'
    numbers = f'{death.seconds:>8.0f}{death.absent:>8}{death.unseen:>8.2f}{death.blind:>8.2f}'
    return f'{death.who:12}{moment:20}{how:>12}{numbers}  {death.deeds}'


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--run', type=Path, help='folder of a prepared run (default: a new one)')
    parser.add_argument('--count', type=int, default=50, help='of deaths')
    parser.add_argument('--only', nargs='+', metavar='PROCESS', default=[], help='whom to kill')
    parser.add_argument('--seed', type=int, default=0, help='of moments and victims')
    parser.add_argument('--out', type=Path, default=Path('runs/kills'))
    parser.add_argument('--set', action='append', default=[], help='as of `robo-dopamine up`')
    parser.add_argument('--json', type=Path, help='file for the result')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing may be left behind
    apart()
    folder, copies = prepared(args.run, args.out), args.out / 'checkpoints'
    copies.mkdir(exist_ok=True)
    deaths: list[Death] = []
    live, stuck, began = Live(), '', time.monotonic()
    with live:
        try:
            with Up(args.out / 'cell.log', *words(folder, args.set)) as up:
                all_ = Deaths(up, live, folder, np.random.default_rng(args.seed))
                for death in tqdm(all_.happen(args.count, args.only, copies), total=args.count):
                    deaths.append(death)
                    tqdm.write(show(death))
        except (StuckError, KeyboardInterrupt) as error:
            stuck = str(error) or 'interrupted'
    told: dict[str, Any] = {'deaths': len(deaths), 'seconds': time.monotonic() - began}
    told |= reckon(live, folder, deaths) | resumed(deaths, folder, copies)
    told |= {'stuck': stuck, 'machine': f'{platform.machine()}, {os.cpu_count()} cores'}
    print('\n'.join([f'{HEADINGS}  person', UNITS, *map(show, deaths)]))
    plain = {name: value for name, value in told.items() if name != 'gaps'}
    print('\n'.join(f'{name.replace("_", " "):28}{value}' for name, value in plain.items()))
    text = json.dumps(told | {'rows': [asdict(death) for death in deaths]}, indent=2)
    for path in filter(None, (args.out / 'result.json', args.json)):
        path.write_text(text + '\n', encoding='utf-8')
    return 0 if well(told) and not stuck else 1


def well(told: dict[str, Any]) -> bool:
    """Whether all is as promised."""
    none = ('doubled', 'unchained', 'tensors_reset', 'went_back')
    return told['absent_most'] <= 1 and not any(told[name] for name in none)


if __name__ == '__main__':
    sys.exit(main())
