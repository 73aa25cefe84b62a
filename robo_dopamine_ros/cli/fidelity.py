"""The verb `fidelity`: whether one way of running a model says the same as another."""

import argparse
from dataclasses import replace
from pathlib import Path

from robo_dopamine_ros.cli.bars import bar
from robo_dopamine_ros.cli.vlm_words import add_vlm_arguments, vlm_settings
from robo_dopamine_ros.data.episodes import find_recordings
from robo_dopamine_ros.reward.loading import Kind, kind_of, load

HELP = 'compare a compiled or quantised model with what it was made of'
EXAMPLES = """\
examples:
  robo-dopamine fidelity models/grm-fp8 --against CHECKPOINT EPISODES_DIR
  robo-dopamine fidelity models/grm --against models/grm --engine tensorrt \\
      --against-engine onnx EPISODES_DIR    two engines of one model
  robo-dopamine fidelity models/grm-int8 --against models/grm --gates int8 EPISODES_DIR --json

The exit code is 0 when the candidate passes its gates and 1 when it does not. Take episodes that
neither the model nor the calibration has seen.
"""
DIFFERENT = 1  # exit code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    add = parser.add_argument
    add('candidate', metavar='CANDIDATE', help='model folder, or checkpoint')
    add('episodes', metavar='EPISODES', type=Path, nargs='+', help='episode folders, or above')
    add('--against', metavar='REFERENCE', required=True, help='what it must agree with')
    add('--engine', default='auto', help='what runs the candidate (default: auto)')
    add('--against-engine', default='auto', help='what runs the reference (default: auto)')
    add(
        '--gates',
        choices=('fp8', 'int8'),
        help="what may differ (default: that of the candidate's precision; 16 bits: as fp8)",
    )
    add('--pairs', type=_count, default=2000, metavar='N', help='of before and after to judge')
    add('--looks', type=_count, default=60, metavar='N', help='of every episode, at most')
    add('--no-noise', action='store_true', help='do not hold the reference against itself')
    add('--json', action='store_true', help='print one JSON object, no table')
    add('--seed', type=int, default=0, help='of the pairs')
    add_vlm_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask both and print; the progress bar goes to stderr, so that stdout stays clean."""
    recordings = find_recordings(args.episodes)
    settings = vlm_settings(args)
    with bar() as show:
        reference = load(args.against, args.against_engine, 0, settings, show)
    with bar() as show:
        candidate = load(args.candidate, args.engine, 0, settings, show)

    from robo_dopamine_ros.reward.vlm.fidelity.compare import Plan, compare  # takes seconds: torch
    from robo_dopamine_ros.reward.vlm.fidelity.verdict import GATES

    plan = Plan(args.pairs, args.looks, not args.no_noise, args.seed)
    gates = GATES[args.gates or gates_of(args.candidate)]
    with bar() as show:
        found = compare(candidate, reference, recordings, plan, gates, show)
    found = replace(
        found,
        candidate=f'{args.candidate}, engine {args.engine}',
        reference=f'{args.against}, engine {args.against_engine}',
    )
    print(found.to_json() if args.json else found.table())
    return 0 if found.passed else DIFFERENT


def gates_of(candidate: str) -> str:
    """Those of a model's precision: int8 has its own, all that is closer has those of fp8."""
    from robo_dopamine_ros.reward.vlm.compiled.folder import read_card

    folder = Path(candidate).expanduser()
    eight = kind_of(folder) is Kind.COMPILED and read_card(folder).precision == 'int8'
    return 'int8' if eight else 'fp8'


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 2):
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number of 2 or more')
    return int(text)
