"""Verb `compare`: whether a compiled or quantized model gives the same answers as its reference."""

import argparse
from dataclasses import replace
from pathlib import Path

from robo_dopamine_ros.cli.console import progress_bar
from robo_dopamine_ros.cli.option_types import SEED, Whole
from robo_dopamine_ros.cli.vlm_args import add_vlm_arguments, vlm_settings
from robo_dopamine_ros.data.episode_folder import find_recordings
from robo_dopamine_ros.grm.loading import ModelKind, kind_of, load
from robo_dopamine_ros.reward.episode_parity import episode_parity

HELP = 'compare a compiled or quantised model with the one it was made from'
EXAMPLES = """\
examples:
  robo-dopamine compare models/grm-fp8 --against CHECKPOINT EPISODES_DIR
  robo-dopamine compare models/grm --against models/grm --engine tensorrt \\
      --against-engine onnx EPISODES_DIR    two engines of one model
  robo-dopamine compare models/grm-int8 --against models/grm --tolerances int8 EPISODES_DIR --json

The exit code is 0 when the candidate is within its tolerances and 1 when it is not. Take episodes
that neither the model nor the calibration has seen.
"""
DIFFERENT = 1  # exit code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('candidate', metavar='CANDIDATE', help='model folder, or checkpoint')
    add('episodes', metavar='EPISODES', type=Path, nargs='+', help='episode folders, or above')
    add('--against', metavar='REFERENCE', required=True, help='the model it must agree with')
    add('--engine', default='auto', help='of the candidate (default: %(default)s)')
    add('--against-engine', default='auto', help='of the reference (default: %(default)s)')
    add('--tolerances', choices=('fp8', 'int8'), help='default: by precision; 16 bits: as fp8')
    add('--pairs', type=Whole(1), default=2000, metavar='N', help='questions about pairs of views')
    add('--frames', type=Whole(2), default=60, metavar='N', help='of every episode, at most')
    add('--no-noise', action='store_true', help='do not compare the reference with itself')
    add('--json', action='store_true', help='print one JSON object, no table')
    add('--seed', type=SEED, default=0, help='of the pairs')
    add_vlm_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Compare the models and print the report; the progress bar goes to stderr."""
    # torch, which takes seconds
    from robo_dopamine_ros.grm.vlm.parity.compare import ParityPlan, compare
    from robo_dopamine_ros.grm.vlm.parity.report import TOLERANCES

    plan = ParityPlan(args.pairs, args.frames, not args.no_noise, args.seed)
    recordings = find_recordings(args.episodes)
    settings = vlm_settings(args)
    with progress_bar() as report:
        reference = load(args.against, args.against_engine, 0, settings, report)
    with progress_bar() as report:
        candidate = load(args.candidate, args.engine, 0, settings, report)
    tolerances = TOLERANCES[args.tolerances or default_tolerances(args.candidate)]
    with progress_bar() as report:
        result = compare(candidate, reference, recordings, plan, tolerances, episode_parity, report)
    result = replace(
        result,
        candidate=f'{args.candidate}, engine {args.engine}',
        reference=f'{args.against}, engine {args.against_engine}',
    )
    print(result.to_json() if args.json else result.table())
    return 0 if result.passed else DIFFERENT


def default_tolerances(candidate: str) -> str:
    """Tolerances for the precision of a model: those of int8 for int8, of fp8 for all others."""
    from robo_dopamine_ros.grm.vlm.compiled.model_dir import read_vlm_card

    folder = Path(candidate).expanduser()
    is_int8 = kind_of(folder) is ModelKind.COMPILED and read_vlm_card(folder).precision == 'int8'
    return 'int8' if is_int8 else 'fp8'
