"""The verb `bench`: every measurement of bench/, printed and kept as JSON."""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from robo_dopamine_ros.ros import environment

HELP = 'run the measurements of bench/ and keep their results as JSON'
EXAMPLES = """\
examples:
  robo-dopamine bench                    all of them but the long ones
  robo-dopamine bench live_learning      one of these
  robo-dopamine bench kills --words='--count 5'
  robo-dopamine bench --list
  robo-dopamine bench cameras --out runs/bench
"""
FOLDER = Path(__file__).parents[2] / 'bench'
HOURS = {  # run only when they are named
    'dopamine_rl': 'hours',
    'grm_latency': 'a quarter of an hour',
    'kills': 'three quarters of an hour',
    'live_learning': 'half an hour',
}


class BenchError(ValueError):
    """A measurement that does not exist."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument('names', metavar='NAME', nargs='*', help='measurements (default: all)')
    parser.add_argument('--list', action='store_true', help='name the measurements there are')
    parser.add_argument(
        '--out', metavar='DIR', type=Path, default=Path('runs/bench'), help='folder for the JSON'
    )
    parser.add_argument('--words', metavar='TEXT', default='', help='handed to each of them')


def run(args: argparse.Namespace) -> int:
    """Run each measurement in a process of its own; non-zero when one failed."""
    known = {path.stem: path for path in sorted(FOLDER.glob('[!_]*.py'))}
    if args.list:
        print('\n'.join(f'{n}  ({HOURS[n]})' if n in HOURS else n for n in known))
        return 0
    unknown = [name for name in args.names if name not in known]
    if unknown or not known:
        missing = ', '.join(unknown) or 'measurements'
        raise BenchError(f'no {missing} in {FOLDER}; there are {", ".join(known) or "none"}')
    args.out.mkdir(parents=True, exist_ok=True)
    env = environment.process_environment()
    failed = []
    for name in args.names or [name for name in known if name not in HOURS]:
        print(f'\n{name}\n{"-" * len(name)}', flush=True)
        command = [sys.executable, str(known[name]), '--json', str(args.out / f'{name}.json')]
        command += shlex.split(args.words)
        if subprocess.run(command, env=env, check=False).returncode:
            failed.append(name)
    if failed:
        print(f'robo-dopamine: failed: {", ".join(failed)}', file=sys.stderr)
    return 1 if failed else 0
