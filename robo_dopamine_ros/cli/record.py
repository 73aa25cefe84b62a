"""The verb `record`: simulated demonstrations of the scripted expert, for `adapt` and `train`."""

import argparse
import shutil

from tqdm import tqdm

from robo_dopamine_ros.cli.option_types import SEED, OutputError, Real, Whole, output_dir

HELP = 'record simulated demonstrations of the scripted expert'
EXAMPLES = """\
examples:
  robo-dopamine record --out runs/demos
  robo-dopamine record --out runs/demos --count 20 --clearance 0.001
  robo-dopamine adapt runs/demos --base models/grm --out runs/model
  robo-dopamine train --demonstrations runs/demos
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        '--out',
        metavar='DIR',
        type=output_dir,
        required=True,
        help='folder for the episode folders',
    )
    parser.add_argument('--count', type=Whole(1), default=1, help='how many (default: %(default)s)')
    parser.add_argument(
        '--seed', type=SEED, default=0, help='of start poses and expert (default: 0)'
    )
    parser.add_argument(
        '--clearance',
        type=Real(0.0, 0.02, 'metres'),
        default=0.002,
        metavar='M',
        help='of the hole (default: 0.002)',
    )
    parser.add_argument(
        '--layout',
        choices=('videos', 'images'),
        default='videos',
        help="the paper's videos, or PNG images, which are lossless (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Record into numbered episode folders; one that is not complete is removed."""
    from robo_dopamine_ros.envs.insertion import make_training_env
    from robo_dopamine_ros.training.demonstrations import (
        demonstration_name,
        record_demonstration,
        save_demonstration,
    )

    folders = [args.out / demonstration_name(index) for index in range(args.count)]
    if taken := next((folder for folder in folders if folder.exists()), None):
        raise OutputError(f'{taken} is there already, nothing is written over; name another --out')
    env = make_training_env(args.clearance)
    for index, folder in enumerate(tqdm(folders, desc='demonstrations')):
        recording, trajectory = record_demonstration(env, args.seed, index)
        try:
            save_demonstration(recording, trajectory, folder, args.layout)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    env.close()
    print(f'{args.out}: {args.count} demonstrations of the scripted expert')
    return 0
