"""Verb `demo`: a simulated arm inserts a peg while real nodes estimate its progress."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.cli.console import StatusConsole
from robo_dopamine_ros.cli.dds_domain import VARIABLE, domain_variables
from robo_dopamine_ros.cli.episode_report import (
    EpisodeReport,
    invalid_reasons,
    make_report,
    write_report,
)
from robo_dopamine_ros.cli.option_types import SEED, Whole
from robo_dopamine_ros.cli.output import (
    add_cell_arguments,
    is_failure,
    open_output_dir,
    resolve_model,
)
from robo_dopamine_ros.data.episode_curves import ProgressCurve, curves_of_messages
from robo_dopamine_ros.data.filmstrip import FilmstripFrame, crop_to_fill
from robo_dopamine_ros.nodes import cell
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import SECOND, VIEWS, Outcome, Progress, Views

if TYPE_CHECKING:
    from robo_dopamine_ros.cli.cell_session import CellSession
    from robo_dopamine_ros.ros.cameras import CameraSource

HELP = 'watch a simulated arm err, recover and insert a peg, with a live reward'
EXAMPLES = """\
examples:
  robo-dopamine demo
  robo-dopamine demo --episodes 1 --out runs/first
  robo-dopamine demo --model runs/my_model --seed 7
"""
DWELL_TIME = 1.5  # the peg must stay inserted so long before the episode ends [s]
EPISODE_TIMEOUT = 35.0  # [s]
THUMBNAIL_PERIOD = 0.25  # [s]
THUMBNAIL_WIDTH = 240  # [px]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument(
        '--episodes',
        type=Whole(1, 20),
        default=3,
        metavar='N',
        help='how many (default: %(default)s)',
    )
    parser.add_argument('--seed', type=SEED, default=1, help='of the scenes and the mistakes')
    parser.add_argument('--json', action='store_true', help='print the summaries as JSON')
    add_cell_arguments(parser, 'demo')


def run(args: argparse.Namespace) -> int:
    """Run the episodes, then write the report."""
    model = resolve_model(args.model)
    with open_output_dir(args.out, 'demo', 'insertion', is_failure) as folder:
        return _run_into(folder, model, args)


def _run_into(folder: Path, model: Path | None, args: argparse.Namespace) -> int:
    os.environ.update(domain_variables(args.domain))
    environment.activate()
    from robo_dopamine_ros.cli.cell_session import open_session
    from robo_dopamine_ros.ros.cameras import CameraParameters, open_cameras

    console = StatusConsole(sys.stderr if args.json else sys.stdout)
    processes = cell.demo_processes(model, args.seed)
    nodes = 'the simulator, the reward node and the episode manager'
    console.print(f'starting {nodes}, domain {os.environ[VARIABLE]}')
    with open_session(processes, console, folder, args.verbose) as session:
        cameras = open_cameras(session.client.node, CameraParameters(views=VIEWS))
        thumbnails, truth = ThumbnailRecorder(cameras), _record_ground_truth(session)
        reports = [
            _run_episode(session, thumbnails, truth, f'{number} of {args.episodes}')
            for number in range(1, args.episodes + 1)
        ]
    image = write_report(reports, folder)
    if args.json:
        print(json.dumps([report.metrics for report in reports]))
    console.print(f'report: {image} and report.json beside it')
    return 0


class ThumbnailRecorder:
    """Records a small image of every view now and then; not safe for several threads."""

    def __init__(self, cameras: 'CameraSource') -> None:
        self._cameras = cameras
        self._thumbnails: list[Views] = []

    def update(self) -> None:
        """Record the newest images, unless the last ones are about as new."""
        match = self._cameras.poll()
        if match is None or not match.messages:
            return
        last = self._thumbnails[-1].stamp if self._thumbnails else None
        if last is not None and match.stamp - last < THUMBNAIL_PERIOD * SECOND:
            return
        views, _ = self._cameras.convert(match)
        if views.images:
            images = {view: _thumbnail(image) for view, image in views.images.items()}
            self._thumbnails.append(Views(images, views.stamps))

    def between(self, start: int, end: int) -> list[FilmstripFrame]:
        """Thumbnails stamped within start .. end [ns], with times since the start."""
        within = [views for views in self._thumbnails if start <= views.stamp <= end]
        return [FilmstripFrame((views.stamp - start) / SECOND, views.images) for views in within]


class DwellTimer:
    """Detects that a condition has held for some time."""

    def __init__(self, duration: float) -> None:
        """`duration` is how long the condition must hold [s]."""
        self.reached = False
        self._duration = duration
        self._since: float | None = None

    def update(self, holds: bool, now: float) -> bool:
        """Give whether the condition has held for the whole duration at `now` [s]."""
        if not holds:
            self._since = None
        elif self._since is None:
            self._since = now
        self.reached = self._since is not None and now - self._since >= self._duration
        return self.reached


def _record_ground_truth(session: 'CellSession') -> list[Progress]:
    """Record the true progress of the simulator; no node of the cell subscribes to it."""
    from robo_dopamine_ros.ros.convert import from_msg
    from robo_dopamine_ros.ros.topics import SIM_GROUND_TRUTH

    truth: list[Progress] = []
    session.client.subscribe(SIM_GROUND_TRUTH, from_msg, truth)
    return truth


def _run_episode(
    session: 'CellSession', thumbnails: ThumbnailRecorder, truth: list[Progress], number: str
) -> EpisodeReport:
    """Run one episode to its end as the simulator knows it, and make its report."""
    from robo_dopamine_ros.cli.cell_session import START_TIMEOUT
    from robo_dopamine_ros.envs.insertion import INSTRUCTION

    console, client = session.console, session.client
    session.wait(
        lambda: bool(truth) and truth[-1].progress < 0.5,
        START_TIMEOUT,
        'the simulator showed no fresh scene',
    )
    start = session.start_episode(INSTRUCTION).stamp
    console.print(f'episode {number}: {INSTRUCTION}')
    started, inserted = time.monotonic(), DwellTimer(DWELL_TIME)

    def done() -> bool:
        thumbnails.update()
        now = time.monotonic()
        return inserted.update(truth[-1].progress >= 1.0, now) or now - started > EPISODE_TIMEOUT

    session.follow(
        done,
        lambda: f'{time.monotonic() - started:5.1f} s',
        2 * EPISODE_TIMEOUT,
        'the episode did not end',
    )
    session.end_episode(Outcome.SUCCESS if inserted.reached else Outcome.TIME_LIMIT, 'simulator')
    end = client.episode.stamp
    known = [t for t in truth if start <= t.stamp <= end]
    curves = curves_of_messages(
        [r for r in client.episode_readings() if start <= r.stamp <= end],
        client.episode_rewards(),
        start,
        (end - start) / SECOND,
        client.episode.outcome,
        title=f'Simulated peg insertion, episode {number.split()[0]}',
        instruction=client.episode.task,
        truth=ProgressCurve(
            np.array([(t.stamp - start) / SECOND for t in known]),
            np.array([t.progress for t in known]),
        ),
        truth_name='truth',
    )
    unread = invalid_reasons(client.episode_readings())
    report = make_report(curves, thumbnails.between(start, end), VIEWS, unread=unread)
    console.print(f'  {curves.outcome} after {curves.duration:.1f} s, {_summary_line(report)}')
    return report


def _thumbnail(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return crop_to_fill(image, (THUMBNAIL_WIDTH, round(THUMBNAIL_WIDTH * height / width)))


def _summary_line(report: EpisodeReport) -> str:
    metrics = report.metrics
    error = metrics['mae'] and metrics['mae']['progress']
    accuracy = 'no readings' if error is None else f'mean error {error:.3f}'
    return f'{metrics["readings"]} readings, {accuracy}, return {metrics["return"]:+.2f}'
