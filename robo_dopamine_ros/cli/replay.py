"""Verb `replay`: plays a recorded episode through the real nodes and writes a report."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.cli.console import StatusConsole
from robo_dopamine_ros.cli.dds_domain import VARIABLE, domain_variables
from robo_dopamine_ros.cli.episode_report import invalid_reasons, make_report, write_report
from robo_dopamine_ros.cli.option_types import Real
from robo_dopamine_ros.cli.output import (
    add_cell_arguments,
    is_failure,
    open_output_dir,
    resolve_model,
)
from robo_dopamine_ros.data.episode_curves import EpisodeCurves, ProgressCurve, curves_of_messages
from robo_dopamine_ros.data.episode_folder import open_recording
from robo_dopamine_ros.data.filmstrip import FilmstripFrame
from robo_dopamine_ros.nodes import cell
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import SECOND, Outcome, Recording

if TYPE_CHECKING:
    from robo_dopamine_ros.cli.cell_session import CellSession

HELP = 'play a recorded episode through the real nodes and report its progress and reward'
EXAMPLES = """\
examples:
  robo-dopamine replay EPISODE_DIR --model runs/my_task
  robo-dopamine replay EPISODE_DIR --model runs/my_task --out runs/look --speed 2
  robo-dopamine replay EPISODE_DIR --model runs/my_task --json > summary.json
"""
FILMSTRIP_WIDTH = 320  # of the images [px]
FILMSTRIP_FRAMES = 48  # per view


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('episode', metavar='EPISODE_DIR', type=Path, help='folder of the episode')
    parser.add_argument(
        '--speed',
        type=Real(0.0, 100.0),
        default=1.0,
        help='times the recorded rate (default: 1)',
    )
    parser.add_argument('--json', action='store_true', help='print the summary as one JSON object')
    add_cell_arguments(parser, 'replay')


def run(args: argparse.Namespace) -> int:
    """Play the episode, then write the report."""
    recording = open_recording(args.episode)
    model = resolve_model(args.model)
    with open_output_dir(args.out, 'replay', recording.name, is_failure) as folder:
        return _run_into(folder, recording, model, args)


def _run_into(
    folder: Path, recording: Recording, model: Path | None, args: argparse.Namespace
) -> int:
    os.environ.update(domain_variables(args.domain))
    environment.activate()
    from robo_dopamine_ros.cli.cell_session import open_session

    console = StatusConsole(sys.stderr if args.json else sys.stdout)
    processes = cell.replay_processes(args.episode.resolve(), model, recording.views, args.speed)
    with open_session(processes, console, folder, args.verbose) as session:
        played = _play(recording, args.speed, session)
    report = make_report(
        _curves(recording, session, played),
        _filmstrip(recording),
        recording.views,
        episode=str(args.episode),
        speed=args.speed,
        frames=_playback_metrics(recording, played),
        unread=invalid_reasons(session.client.episode_readings()),
    )
    image = write_report([report], folder)
    if args.json:
        print(json.dumps(report.metrics))
    console.print(f'report: {image} and report.json beside it')
    return 0


def _play(recording: Recording, speed: float, session: 'CellSession') -> dict[int, int]:
    """Run one episode; gives the index of every published frame by its stamp [ns]."""
    from robo_dopamine_ros.ros.convert import played_frame_from_msg
    from robo_dopamine_ros.ros.topics import PLAYER_FRAME

    played: list[tuple[int, int]] = []
    session.client.subscribe(PLAYER_FRAME, played_frame_from_msg, played)
    session.console.print(
        f'playing {recording.name}: {recording.length} frames of {", ".join(recording.views)} '
        f'at {recording.rate * speed:g} Hz, domain {os.environ[VARIABLE]}'
    )
    session.start_episode(recording.instruction or recording.name)
    session.wait(lambda: bool(played), 60.0, 'the reward node did not ask for images')
    session.follow(
        lambda: played[-1][1] == recording.length - 1,
        lambda: f'{played[-1][1] / recording.rate:5.1f} s',
        60.0 + 1.5 * recording.length / recording.rate / speed,
        'the recording did not end',
    )
    session.end_episode(_outcome(recording), 'recording')
    return dict(played)


def _playback_metrics(recording: Recording, played: dict[int, int]) -> dict[str, float]:
    """Number and rate of the published frames; a slow machine skips some."""
    duration = (max(played) - min(played)) / SECOND
    return {
        'recorded': recording.length,
        'shown': len(played),
        'rate_hz': (len(played) - 1) / duration if duration else 0.0,
    }


def _outcome(recording: Recording) -> Outcome:
    """Outcome of the recording; an annotated one without outcome counts as a success."""
    if recording.outcome is not Outcome.NONE:
        return recording.outcome
    return Outcome.SUCCESS if recording.keyframes else Outcome.TIME_LIMIT


def _curves(recording: Recording, session: 'CellSession', played: dict[int, int]) -> EpisodeCurves:
    """Curves over the time of the recording, independent of the playback speed."""
    client, rate = session.client, recording.rate
    stamps, frames = np.array(list(played)), np.array(list(played.values()))
    start = int(stamps[0])
    elapsed = (stamps - start) / SECOND
    truth = None
    if recording.progress is not None:
        truth = ProgressCurve(np.arange(recording.length) / rate, recording.progress)
    return curves_of_messages(
        [r for r in client.episode_readings() if start <= r.stamp <= stamps[-1]],
        client.episode_rewards(),
        start,
        recording.length / rate,
        client.episode.outcome,
        lambda time: np.interp(time, elapsed, frames / rate),
        title=recording.name,
        instruction=recording.instruction,
        truth=truth,
        keyframes=[frame / rate for frame in recording.keyframes],
    )


def _filmstrip(recording: Recording) -> list[FilmstripFrame]:
    stride = max(1, recording.length // FILMSTRIP_FRAMES)
    first = next(recording.play(stop=1)).images[recording.views[0]]
    size = (FILMSTRIP_WIDTH, round(FILMSTRIP_WIDTH * first.shape[0] / first.shape[1]))
    frames = recording.play(size=size, stride=stride)
    return [FilmstripFrame(views.stamp / SECOND, views.images) for views in frames]
