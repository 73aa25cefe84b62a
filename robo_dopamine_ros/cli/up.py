"""The verb `up`: the nodes of a cell as plain processes, where there is no `ros2 launch`."""

import argparse
import math
import sys
import time
from pathlib import Path

from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.nodes import system
from robo_dopamine_ros.ros import environment

HELP = 'start the reward and conductor nodes for your own cameras, until Ctrl-C'
EXAMPLES = """\
examples:
  robo-dopamine up                                    three cameras and the shipped model
  robo-dopamine up --model runs/my_task --views front left_wrist
  robo-dopamine up --params cell.yaml                 any parameter of the nodes
  robo-dopamine up --task 'insert the peg'            start an episode at once and show it
without --task, call the service start_episode to start one
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        '--model', metavar='MODEL_DIR', type=Path, help='folder of the reward model'
    )
    parser.add_argument('--task', metavar='TEXT', help='start an episode of this task at once')
    parser.add_argument('--views', metavar='NAME', nargs='+', default=(), help='camera views')
    parser.add_argument(
        '--params', metavar='FILE', type=Path, help='ROS parameter file for the nodes'
    )


def run(args: argparse.Namespace) -> int:
    """Start all, show what they say, stop all."""
    for path in (args.model, args.params):
        if path and not path.exists():
            raise FileNotFoundError(2, 'no such file or folder', str(path))
    environment.activate()
    from robo_dopamine_ros.cli.watch import watching

    processes = system.watch(args.model, args.views, args.params)
    with watching(processes, Screen(sys.stdout), None, verbose=True) as watch:
        if args.task:
            watch.start_episode(args.task)
            began = time.monotonic()
            watch.follow(
                watch.ended, lambda: f'{time.monotonic() - began:5.0f} s', math.inf, 'never ended'
            )
        watch.wait(lambda: False, math.inf, 'never')
    return 0
