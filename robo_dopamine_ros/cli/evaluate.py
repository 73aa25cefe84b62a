"""The verb `evaluate`: metrics of a reward model on recordings it was not trained on."""

import argparse
import time
from pathlib import Path

import numpy as np

from robo_dopamine_ros.cli.console import progress_bar
from robo_dopamine_ros.cli.option_types import SEED, Whole, output_file
from robo_dopamine_ros.cli.vlm_args import add_vlm_arguments, vlm_settings
from robo_dopamine_ros.data.episode_folder import find_recordings
from robo_dopamine_ros.grm.loading import load
from robo_dopamine_ros.reward.evaluation import EvaluationParameters, evaluate
from robo_dopamine_ros.reward.progress import FUSIONS, RECURSIONS, TrackerParameters

HELP = 'measure a reward model on recorded episodes'
EXAMPLES = """\
examples:
  robo-dopamine evaluate runs/model EPISODE_DIR         a table
  robo-dopamine evaluate runs/model ROLLOUTS_DIR --json  one JSON object
  robo-dopamine evaluate tanhuajie2001/Robo-Dopamine-GRM-3B EPISODE_DIR --goal GOAL_DIR
                                                        a published model, on a GPU
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        'model', metavar='MODEL', help='folder of a reward model, or name on the hub'
    )
    parser.add_argument(
        'episodes',
        metavar='EPISODES',
        type=Path,
        nargs='+',
        help='episode folders, or folders of episode folders',
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object, no table')
    parser.add_argument(
        '--out', type=output_file, metavar='FILE', help='also write the JSON to a file'
    )
    parser.add_argument(
        '--interval',
        type=Whole(1, unit='frames'),
        metavar='FRAMES',
        help='frames between steps (default: half a second, and 40 to 600 steps)',
    )
    parser.add_argument(
        '--gap',
        type=Whole(1, unit='frames'),
        metavar='FRAMES',
        help='frames between the two of a hop-sign pair (default: two seconds)',
    )
    parser.add_argument('--fusion', choices=FUSIONS, default='mean', help='Eq 8, or Eq 9 to 11')
    parser.add_argument(
        '--recursion',
        choices=RECURSIONS,
        default='fused',
        help='what incremental hops add to: the fused progress (paper) or their own (its code)',
    )
    parser.add_argument('--engine', default='auto', help='what runs the network (default: auto)')
    parser.add_argument(
        '--seed', type=SEED, default=0, help='seed of corruptions, noise and bootstrap'
    )
    add_vlm_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the report; the progress bar goes to stderr."""
    recordings = find_recordings(args.episodes)
    with progress_bar() as show:
        model = load(args.model, args.engine, 1, vlm_settings(args), show)
    parameters = EvaluationParameters(
        interval=args.interval,
        gap=args.gap,
        tracker=TrackerParameters(fusion=args.fusion, recursion=args.recursion),
    )
    rng = np.random.default_rng(args.seed)
    with progress_bar() as show:
        report = evaluate(model, recordings, parameters, rng, show, time.perf_counter)
    print(report.to_json() if args.json else report.table(), flush=True)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(report.to_json() + '\n', encoding='utf-8')
    return 0
