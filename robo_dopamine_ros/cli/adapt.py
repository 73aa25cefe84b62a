"""The verb `adapt`: adapt a reward model to one task from one demonstration."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from robo_dopamine_ros.cli import adapt_vlm
from robo_dopamine_ros.cli.console import print_json_progress, progress_bar
from robo_dopamine_ros.cli.option_types import SEED, Real, Whole, output_dir
from robo_dopamine_ros.data.episode_folder import find_recordings
from robo_dopamine_ros.grm.compact.config import CompactTrainConfig

HELP = 'adapt a reward model to a task from one demonstration'
EXAMPLES = """\
examples:
  robo-dopamine adapt EPISODE_DIR --out runs/my_task
  robo-dopamine adapt EPISODE_DIR --out runs/my_task --base models/grm --seed 1
  robo-dopamine adapt EPISODE_DIR --out runs/quick --seconds 60

  a published vision-language model, on a GPU; the same command goes on after a stop:
  robo-dopamine adapt EPISODE_DIR --base tanhuajie2001/Robo-Dopamine-GRM-3B --out runs/grm_my_task
  robo-dopamine adapt EPISODE_DIR --base checkpoints/grm-3b --out runs/grm --micro-batch 1
  robo-dopamine adapt EPISODES_DIR --data-only --out runs/hops     for the authors' own trainer

exit codes: 0; 1 when the model was written but is not usable by its own held-back frames, with what
to do; 2 for errors; 130 after Ctrl-C
"""
EXIT_WEAK = 1  # exit code: the model was written, but its own frames show that it is not usable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    default = CompactTrainConfig()
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
        type=output_dir,
        required=True,
        help='folder to write; new, empty, or of an unfinished vision-language training',
    )
    parser.add_argument('--seed', type=SEED, default=0, help='random seed (default: 0)')
    parser.add_argument(
        '--base',
        metavar='MODEL',
        help='start from this model folder, or checkpoint of a vision-language GRM (folder or '
        'name on the hub), instead of a small model from scratch',
    )
    parser.add_argument(
        '--progress-json',
        action='store_true',
        help='one JSON object a line on stdout instead of a progress bar',
    )
    small = parser.add_argument_group('only for a small model')
    small.add_argument(
        '--views',
        metavar='NAME',
        nargs='+',
        help='camera views to use (default: all of the demonstration)',
    )
    small.add_argument('--steps', type=Whole(1), help=f'training steps (default: {default.steps})')
    small.add_argument(
        '--seconds',
        type=Real(0.0, unit='seconds'),
        help=f'training ends by then, on any machine (default: {default.seconds:.0f})',
    )
    small.add_argument('--threads', type=Whole(1), help='processor threads (default: all)')
    large = parser.add_argument_group('only for a vision-language base')
    adapt_vlm.add_arguments(large)
    parser.set_defaults(kinds=(option_names(small), option_names(large)))


def run(args: argparse.Namespace) -> int:
    """Train, write the model folder and print its metrics on held-out frames."""
    large = args.data_only or (args.base is not None and adapt_vlm.is_checkpoint(args.base))
    reject_options(args, args.kinds[0] if large else args.kinds[1], large)
    return adapt_vlm.run(args) if large else run_compact(args)


def run_compact(args: argparse.Namespace) -> int:
    """Train a compact model."""
    if args.out.exists() and any(args.out.iterdir()):
        raise ValueError(f'{args.out} is not empty; give a new folder, nothing is written over')
    chosen = {name: getattr(args, name) for name in ('steps', 'seconds', 'threads')}
    given = {name: value for name, value in chosen.items() if value is not None}
    settings = dataclasses.replace(CompactTrainConfig(), **given)
    recordings = find_recordings(args.demonstrations)
    base = None if args.base is None else Path(args.base)
    from robo_dopamine_ros.grm.compact.adaptation import adapt  # takes seconds: torch

    with progress_bar() as show:
        report = print_json_progress if args.progress_json else show
        result = adapt(recordings, args.out, settings, args.seed, base, args.views, report=report)
    if args.progress_json:
        print(json.dumps({'model': str(args.out), 'self_check': result.to_json()}))
    else:
        print(f'{args.out}: {result.check}')
    if result.weaknesses or not args.progress_json:
        print(f'{args.out} is {result.verdict}', file=sys.stderr)
    return EXIT_WEAK if result.weaknesses else 0


def option_names(group: argparse._ArgumentGroup) -> tuple[str, ...]:
    """The option strings of an argument group."""
    return tuple(action.option_strings[0] for action in group._group_actions)


def reject_options(args: argparse.Namespace, options: tuple[str, ...], large: bool) -> None:
    """Raise ValueError for options that apply only to the other kind of model."""
    for option in options:
        if getattr(args, option[2:].replace('-', '_')) in (None, False):
            continue
        if large:
            raise ValueError(f'{option} is only for a small model; leave it out')
        wanted = '--base with the folder or hub name of a checkpoint'
        raise ValueError(f'{option} is only for a vision-language base; give {wanted}')
