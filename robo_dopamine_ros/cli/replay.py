"""The verb `replay`: a recorded episode through the real nodes, with a report."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.cli.domain import VARIABLE, free_domain
from robo_dopamine_ros.cli.reporting import account, check_model, make_folder, write_report
from robo_dopamine_ros.cli.reporting import add_arguments as add_cell_arguments
from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.cli.summary import reasons
from robo_dopamine_ros.data.episodes import open_recording
from robo_dopamine_ros.data.filmstrip import Shot
from robo_dopamine_ros.data.series import Curve, Series, paid_columns, read_columns
from robo_dopamine_ros.nodes import system
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import SECOND, Outcome, Recording

if TYPE_CHECKING:
    from robo_dopamine_ros.cli.watch import Watch

HELP = 'play a recorded episode through the real nodes and report its progress and reward'
EXAMPLES = """\
examples:
  robo-dopamine replay EPISODE_DIR --model runs/my_task
  robo-dopamine replay EPISODE_DIR --model runs/my_task --out runs/look --speed 2
  robo-dopamine replay EPISODE_DIR --model runs/my_task --json > summary.json
"""
THUMBNAIL = 320  # [px] width of the pictures kept for the film strip
SHOTS = 48  # pictures kept per view


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument('episode', metavar='EPISODE_DIR', type=Path, help='folder of the episode')
    parser.add_argument(
        '--speed', type=float, default=1.0, help='times the recorded rate (default: 1)'
    )
    parser.add_argument('--json', action='store_true', help='print the summary as one JSON object')
    add_cell_arguments(parser, 'replay')


def run(args: argparse.Namespace) -> int:
    """Play, watch, report."""
    recording = open_recording(args.episode)
    model = check_model(args.model)
    folder = make_folder(args.out, 'replay', recording.name)
    os.environ[VARIABLE] = str(free_domain())
    environment.activate()
    from robo_dopamine_ros.cli.watch import watching

    screen = Screen(sys.stderr if args.json else sys.stdout)
    processes = system.replay(args.episode.resolve(), model, recording.views, args.speed)
    with watching(processes, screen, folder, args.verbose) as watch:
        played = _play(recording, args.speed, watch)
    told = account(
        _series(recording, watch, played),
        _shots(recording),
        recording.views,
        episode=str(args.episode),
        speed=args.speed,
        frames=_shown(recording, played),
        unread=reasons(watch.observer.read()),
    )
    picture = write_report([told], folder)
    if args.json:
        print(json.dumps(told.summary))
    screen.line(f'report: {picture} and report.json beside it')
    return 0


def _play(recording: Recording, speed: float, watch: 'Watch') -> dict[int, int]:
    """Run one episode; gives the index of every frame that was shown by its stamp [ns]."""
    from robo_dopamine_ros.ros.convert import played_from_msg
    from robo_dopamine_ros.ros.topics import PLAYED

    played: list[tuple[int, int]] = []
    watch.observer.keep(PLAYED, played_from_msg, played)
    watch.screen.line(
        f'playing {recording.name}: {recording.length} frames of {", ".join(recording.views)} '
        f'at {recording.rate * speed:g} Hz'
    )
    watch.start_episode(recording.instruction or recording.name)
    watch.wait(lambda: bool(played), 60.0, 'the reward node did not ask for pictures')
    watch.follow(
        lambda: played[-1][1] == recording.length - 1,
        lambda: f'{played[-1][1] / recording.rate:5.1f} s',
        60.0 + 1.5 * recording.length / recording.rate / speed,
        'the recording did not end',
    )
    watch.end_episode(_outcome(recording), 'recording')
    return dict(played)


def _shown(recording: Recording, played: dict[int, int]) -> dict[str, float]:
    """How truly the recording was played; frames are left out when a machine cannot keep up."""
    spanned = (max(played) - min(played)) / SECOND
    return {
        'recorded': recording.length,
        'shown': len(played),
        'rate_hz': (len(played) - 1) / spanned if spanned else 0.0,
    }


def _outcome(recording: Recording) -> Outcome:
    """What the recording says; an annotated one shows the task done to its end."""
    if recording.outcome is not Outcome.NONE:
        return recording.outcome
    return Outcome.SUCCESS if recording.keyframes else Outcome.TIME_LIMIT


def _series(recording: Recording, watch: 'Watch', played: dict[int, int]) -> Series:
    """Curves over the time of the recording, whatever the speed it was played at."""
    observer, rate = watch.observer, recording.rate
    stamps, frames = np.array(list(played)), np.array(list(played.values()))
    started = int(stamps[0])
    wall = (stamps - started) / SECOND
    readings = [r for r in observer.read() if started <= r.stamp <= stamps[-1]]
    read, paid = read_columns(readings, started), paid_columns(observer.paid(), started)
    truth = None
    if recording.progress is not None:
        truth = Curve(np.arange(recording.length) / rate, recording.progress)
    return Series(
        title=recording.name,
        instruction=recording.instruction,
        model=readings[-1].model if readings else '',
        duration=recording.length / rate,
        time=np.interp(read.pop('time'), wall, frames / rate),
        read=read,
        valid=read.pop('valid'),
        candidate=read.pop('candidate'),
        paid_time=np.interp(paid.pop('time'), wall, frames / rate),
        paid=paid,
        truth=truth,
        keyframes=[frame / rate for frame in recording.keyframes],
        outcome=observer.episode.outcome.name.lower().replace('_', ' '),
    )


def _shots(recording: Recording) -> list[Shot]:
    stride = max(1, recording.length // SHOTS)
    first = next(recording.play(stop=1)).images[recording.views[0]]
    size = (THUMBNAIL, round(THUMBNAIL * first.shape[0] / first.shape[1]))
    frames = recording.play(size=size, stride=stride)
    return [Shot(views.stamp / SECOND, views.images) for views in frames]
