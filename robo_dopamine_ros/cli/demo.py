"""The verb `demo`: a simulated arm works under three cameras while real nodes watch it."""

import argparse
import json
import os
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.cli.domain import VARIABLE, free_domain
from robo_dopamine_ros.cli.reporting import Account, account, check_model, make_folder, write_report
from robo_dopamine_ros.cli.reporting import add_arguments as add_cell_arguments
from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.cli.summary import reasons
from robo_dopamine_ros.data.series import Curve, Series, paid_columns, read_columns
from robo_dopamine_ros.nodes import system
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import SECOND, VIEWS, Outcome, Progress

if TYPE_CHECKING:
    from robo_dopamine_ros.cli.album import Album
    from robo_dopamine_ros.cli.watch import Watch

HELP = 'watch a simulated arm err, recover and insert a peg, with a live reward'
EXAMPLES = """\
examples:
  robo-dopamine demo
  robo-dopamine demo --episodes 1 --out runs/first
  robo-dopamine demo --model runs/my_model --seed 7
"""
SETTLED = 1.5  # [s] a peg stays inserted before the episode ends
LONGEST = 35.0  # [s] an episode takes at most


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        '--episodes', type=_count, default=3, metavar='N', help='how many (default: %(default)s)'
    )
    parser.add_argument('--seed', type=int, default=1, help='of the scenes and the mistakes')
    parser.add_argument('--json', action='store_true', help='print the summaries as JSON')
    add_cell_arguments(parser, 'demo')


def run(args: argparse.Namespace) -> int:
    """Run the episodes, then report."""
    model = check_model(args.model)
    folder = make_folder(args.out, 'demo', 'insertion')
    os.environ[VARIABLE] = str(free_domain())
    environment.activate()
    from robo_dopamine_ros.cli.album import Album
    from robo_dopamine_ros.cli.watch import watching

    screen = Screen(sys.stderr if args.json else sys.stdout)
    processes = system.demo(model, args.seed)
    screen.line('starting the simulator, the reward node and the conductor')
    with watching(processes, screen, folder, args.verbose) as watch:
        album, truth = Album(watch.observer, VIEWS), _hear_truth(watch)
        told = [_episode(watch, album, truth, n + 1, args.episodes) for n in range(args.episodes)]
    picture = write_report(told, folder)
    if args.json:
        print(json.dumps([account.summary for account in told]))
    screen.line(f'report: {picture} and report.json beside it')
    return 0


def _hear_truth(watch: 'Watch') -> list[Progress]:
    """Keep what the simulator says of true progress; nothing of the cell hears it."""
    from robo_dopamine_ros.ros.convert import progress_from_msg
    from robo_dopamine_ros.ros.topics import SIM_TRUTH

    truth: list[Progress] = []
    watch.observer.keep(SIM_TRUTH, progress_from_msg, truth)
    return truth


def _episode(
    watch: 'Watch', album: 'Album', truth: list[Progress], number: int, count: int
) -> Account:
    """Run one episode to its end as the simulator knows it, and sum it up."""
    from robo_dopamine_ros.cli.watch import START_PATIENCE
    from robo_dopamine_ros.sim.rollouts import INSTRUCTION

    screen, observer = watch.screen, watch.observer
    watch.wait(
        lambda: bool(truth) and truth[-1].progress < 0.5,
        START_PATIENCE,
        'the simulator showed no fresh scene',
    )
    started = watch.start_episode(INSTRUCTION)
    screen.line(f'episode {number} of {count}: {INSTRUCTION}')
    begun, done = time.monotonic(), Settling(SETTLED)

    def over() -> bool:
        album.look()
        now = time.monotonic()
        return done.update(truth[-1].progress >= 1.0, now) or now - begun > LONGEST

    watch.follow(
        over, lambda: f'{time.monotonic() - begun:5.1f} s', 2 * LONGEST, 'the episode did not end'
    )
    watch.end_episode(Outcome.SUCCESS if done.settled else Outcome.TIME_LIMIT, 'simulator')
    end = observer.episode.stamp
    series = _series(watch, truth, f'Peg insertion, episode {number}', started.stamp, end)
    result = account(
        series, album.between(started.stamp, end), VIEWS, unread=reasons(observer.read())
    )
    screen.line(f'  {series.outcome} after {series.duration:.1f} s, {_words(result)}')
    return result


class Settling:
    """Notices that something has been true for a while."""

    def __init__(self, span: float) -> None:
        """`span` is how long [s]."""
        self.settled = False
        self._span = span
        self._since: float | None = None

    def update(self, holds: bool, now: float) -> bool:
        """Take in whether it holds `now` [s]; gives whether it did for the whole span."""
        if not holds:
            self._since = None
        elif self._since is None:
            self._since = now
        self.settled = self._since is not None and now - self._since >= self._span
        return self.settled


def _series(watch: 'Watch', truth: list[Progress], title: str, start: int, end: int) -> Series:
    """Curves of the newest episode, from the conductor's start to its end [ns]."""
    observer = watch.observer
    readings = [r for r in observer.read() if start <= r.stamp <= end]
    read, paid = read_columns(readings, start), paid_columns(observer.paid(), start)
    known = [t for t in truth if start <= t.stamp <= end]
    return Series(
        title=title,
        instruction=observer.episode.task,
        model=readings[-1].model if readings else '',
        duration=(end - start) / SECOND,
        time=read.pop('time'),
        read=read,
        valid=read.pop('valid'),
        candidate=read.pop('candidate'),
        paid_time=np.minimum(paid.pop('time'), (end - start) / SECOND),
        paid=paid,
        truth=Curve(
            np.array([(t.stamp - start) / SECOND for t in known]),
            np.array([t.progress for t in known]),
        ),
        truth_name='truth',
        outcome=observer.episode.outcome.name.lower().replace('_', ' '),
    )


def _words(result: Account) -> str:
    summary = result.summary
    error = summary['mae'] and summary['mae']['progress']
    told = 'no readings' if error is None else f'mean error {error:.3f}'
    return f'{summary["readings"]} readings, {told}, return {summary["return"]:+.2f}'


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 20):
        raise argparse.ArgumentTypeError(f'{text!r} is not a number of episodes within 1..20')
    return int(text)
