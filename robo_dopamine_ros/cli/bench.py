"""The verb `bench`: runs the measurements of bench/ and writes their results as JSON."""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from robo_dopamine_ros.cli.dds_domain import domain_variables
from robo_dopamine_ros.cli.option_types import output_dir
from robo_dopamine_ros.ros import environment

HELP = 'run the measurements of bench/ and write their results as JSON'
EXAMPLES = """\
examples:
  robo-dopamine bench                    all of them but the long ones
  robo-dopamine bench live_learning      one of these
  robo-dopamine bench kills --args='--count 5'
  robo-dopamine bench --list
  robo-dopamine bench cameras --out runs/bench
"""
BENCH_DIR = Path(__file__).parents[2] / 'bench'
RUNNER = 'robo_dopamine_ros.cli.run_script'
DURATIONS = {  # of those that run only when they are named
    'dopamine_rl': 'hours',
    'gate_search': 'ten minutes',
    'grm_latency': 'a quarter of an hour',
    'kills': 'three quarters of an hour',
    'live_learning': 'half an hour',
}


class BenchError(ValueError):
    """A name that is no measurement."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('names', metavar='NAME', nargs='*', help='measurements (default: all)')
    parser.add_argument('--list', action='store_true', help='name the measurements there are')
    parser.add_argument(
        '--out', metavar='DIR', type=output_dir, default='runs/bench', help='folder for the JSON'
    )
    parser.add_argument('--args', metavar='TEXT', default='', help='passed to each of them')


def run(args: argparse.Namespace) -> int:
    """Run each measurement in a process of its own; returns 1 if one failed."""
    known = {path.stem: path for path in sorted(BENCH_DIR.glob('[!_]*.py'))}
    if args.list:
        print('\n'.join(f'{n}  ({DURATIONS[n]})' if n in DURATIONS else n for n in known))
        return 0
    unknown = [name for name in args.names if name not in known]
    if unknown or not known:
        missing = ', '.join(unknown) or 'measurements'
        raise BenchError(f'no {missing} in {BENCH_DIR}; there are {", ".join(known) or "none"}')
    args.out.mkdir(parents=True, exist_ok=True)
    env = environment.process_environment() | domain_variables()  # no measurement enters a cell
    failed = []
    for name in args.names or [name for name in known if name not in DURATIONS]:
        print(f'\n{name}\n{"-" * len(name)}', flush=True)
        command = [sys.executable, '-m', RUNNER, str(known[name])]
        command += ['--json', str(args.out / f'{name}.json')]
        command += shlex.split(args.args)
        if subprocess.run(command, env=env, check=False).returncode:
            failed.append(name)
    if failed:
        print(f'robo-dopamine: failed: {", ".join(failed)}', file=sys.stderr)
    return 1 if failed else 0
