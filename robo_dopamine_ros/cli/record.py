"""The verb `record`: demonstrations of the simulated person, for `adapt` and `train` alike."""

import argparse
from pathlib import Path

from tqdm import tqdm

HELP = 'record demonstrations of the simulated person'
EXAMPLES = """\
examples:
  robo-dopamine record --out runs/demos
  robo-dopamine record --out runs/demos --count 20 --clearance 0.001
  robo-dopamine adapt runs/demos --base models/grm --out runs/model
  robo-dopamine train --demonstrations runs/demos
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        '--out', metavar='DIR', type=Path, required=True, help='folder for the episode folders'
    )
    parser.add_argument('--count', type=int, default=1, help='how many (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of scenes and hands (default: 0)')
    parser.add_argument(
        '--clearance', type=float, default=0.002, metavar='M', help='of the hole (default: 0.002)'
    )
    parser.add_argument(
        '--layout',
        choices=('videos', 'pictures'),
        default='videos',
        help="the paper's videos, or pictures, which are exact (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Record into numbered folders."""
    from robo_dopamine_ros.cli.demonstration import demonstrate, keep  # takes a second: mujoco
    from robo_dopamine_ros.sim.arena import Arena

    arena = Arena(args.clearance)
    for number in tqdm(range(args.count), desc='demonstrations'):
        recording, steps = demonstrate(arena, args.seed, number)
        keep(recording, steps, args.out / recording.name, args.layout)
    arena.close()
    print(f'{args.out}: {args.count} of the simulated person')
    return 0
