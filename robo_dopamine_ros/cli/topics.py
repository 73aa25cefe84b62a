"""The verb `topics`: the topics of a running cell, who publishes them, and how often."""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from robo_dopamine_ros.cli.option_types import Real
from robo_dopamine_ros.ros import environment

if TYPE_CHECKING:
    from robo_dopamine_ros.nodes.topic_survey import TopicState

DISCOVERY_TIME = 1.5  # [s] within which publishers are usually discovered
HELP = 'list the topics of a running cell with types, publishers and rates'
EXAMPLES = """\
examples:
  robo-dopamine topics
  robo-dopamine topics control image       only those whose name contains one of these
  robo-dopamine topics --seconds 10        measure the rates for longer
with ROS sourced, the same is
  ros2 topic list -t; ros2 topic hz /progress; ros2 topic echo /control --field reason
"""


class NoTopicsError(RuntimeError):
    """Nothing publishes in this domain."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('names', metavar='PART', nargs='*', help='parts of names (default: all)')
    parser.add_argument(
        '--seconds',
        type=Real(0.0, 60.0, 'seconds'),
        default=2.0,
        help='how long rates are measured (default: %(default)s)',
    )
    parser.add_argument('--json', action='store_true', help='one JSON object a line')


def run(args: argparse.Namespace) -> int:
    """Listen, and print a line for every topic."""
    environment.activate()
    from robo_dopamine_ros.nodes.cell_client import CellClient
    from robo_dopamine_ros.nodes.topic_survey import measure

    with CellClient('topics_verb') as client:
        time.sleep(DISCOVERY_TIME)
        found = measure(client.node, args.names, args.seconds)
    if not found:
        domain = os.environ.get('ROS_DOMAIN_ID') or '0'
        named = f' with {" or ".join(args.names)} in its name' if args.names else ''
        raise NoTopicsError(
            f'nobody publishes a topic{named} in domain {domain}; `robo-dopamine up` starts a cell'
        )
    for topic in found:
        print(json.dumps(asdict(topic)) if args.json else as_text(topic, found))
    return 0


def as_text(topic: 'TopicState', all_topics: 'Sequence[TopicState]') -> str:
    """Return a line about a topic, in columns that fit all of them."""
    name, kind = (max(len(getattr(one, key)) for one in all_topics) for key in ('name', 'type'))
    rate = '     ? Hz' if topic.rate is None else f'{topic.rate:6.1f} Hz'
    return f'{topic.name:{name}}  {topic.type:{kind}}  {rate}  {", ".join(topic.publishers)}'
