"""The verb `adapt`: teach a reward model one task from one demonstration."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from robo_dopamine_ros.cli.bars import bar
from robo_dopamine_ros.data.episodes import find_recordings
from robo_dopamine_ros.reward.compact.settings import Settings

HELP = 'teach a reward model a task from one demonstration'
EXAMPLES = """\
examples:
  robo-dopamine adapt EPISODE_DIR --out runs/my_task
  robo-dopamine adapt EPISODE_DIR --out runs/my_task --base models/grm --seed 1
  robo-dopamine adapt EPISODE_DIR --out runs/quick --seconds 60
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    default = Settings()
    parser.add_argument(
        'demonstrations',
        metavar='DEMO_DIR',
        type=Path,
        nargs='+',
        help='episode folder of the task done well; more than one may be given',
    )
    parser.add_argument(
        '--out',
        metavar='MODEL_DIR',
        type=Path,
        required=True,
        help='folder to write; it must be new or empty',
    )
    parser.add_argument('--seed', type=int, default=0, help='of everything drawn (default: 0)')
    parser.add_argument(
        '--base',
        metavar='MODEL_DIR',
        type=Path,
        help='start from this model instead of from scratch',
    )
    parser.add_argument(
        '--views',
        metavar='NAME',
        nargs='+',
        help='camera views to use (default: all of the demonstration)',
    )
    parser.add_argument(
        '--steps', type=int, default=default.steps, help='training steps (default: %(default)s)'
    )
    parser.add_argument(
        '--seconds',
        type=float,
        default=default.seconds,
        help='training ends by then, on any machine (default: %(default).0f)',
    )
    parser.add_argument('--threads', type=int, default=0, help='processor threads (default: all)')
    parser.add_argument(
        '--progress-json',
        action='store_true',
        help='one JSON object a line on stdout instead of a progress bar',
    )


def run(args: argparse.Namespace) -> int:
    """Train, write the model folder and say how it did on what it was not shown."""
    if args.out.exists() and any(args.out.iterdir()):
        raise ValueError(f'{args.out} is not empty; give a new folder, nothing is written over')
    settings = dataclasses.replace(
        Settings(), steps=args.steps, seconds=args.seconds, threads=args.threads
    )
    recordings = find_recordings(args.demonstrations)
    from robo_dopamine_ros.reward.compact.adaptation import adapt  # takes seconds: torch

    with bar() as show:
        tell = say_json if args.progress_json else show
        check = adapt(recordings, args.out, settings, args.seed, args.base, args.views, report=tell)
    told = {'model': str(args.out), 'self_check': dataclasses.asdict(check)}
    print(json.dumps(told) if args.progress_json else f'{args.out}: {check}')
    return 0


def say_json(share: float, what: str) -> None:
    """Print one line for machines."""
    print(json.dumps({'fraction': round(share, 4), 'stage': what}), flush=True)
    sys.stdout.flush()
