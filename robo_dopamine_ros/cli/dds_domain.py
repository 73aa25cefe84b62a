"""DDS domains of verbs that start nodes: one that no other process on this machine uses."""

import argparse
import os
import socket

from robo_dopamine_ros.cli.option_types import Whole

MAX_DOMAIN = 101  # the ports of higher ones overlap Linux's ephemeral ports
MAX_PARTICIPANTS = 32  # that are looked for, as rmw_fastrtps does on one computer
VARIABLE = 'ROS_DOMAIN_ID'


def free_domain() -> int:
    """Return a domain that no process on this machine uses, whatever ROS_DOMAIN_ID is.

    Participant i of a domain binds UDP port 7400 + 250 * domain + 10 + 2 * i (RTPS 2.5, 9.6.2.4).
    The first ones may have left while others stay.
    """
    first = os.getpid() % MAX_DOMAIN
    for offset in range(MAX_DOMAIN):
        domain = 1 + (first + offset) % MAX_DOMAIN
        ports = (7410 + 250 * domain + 2 * i for i in range(MAX_PARTICIPANTS))
        if all(_is_free(port) for port in ports):
            return domain
    return 1 + first


def domain_variables(domain: int | None = None) -> dict[str, str]:
    """Return the environment variables of nodes in a domain; None: one of their own, here only.

    Discovery then keeps to this machine, because a cell on another one may use the same domain.
    """
    if domain is not None:
        return {VARIABLE: str(domain)}
    local = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    if os.environ.get('ROS_DISTRO') == 'humble':
        local['ROS_LOCALHOST_ONLY'] = '1'
    return {VARIABLE: str(free_domain()), **local}


def add_domain_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the argument of verbs whose nodes have a domain of their own."""
    parser.add_argument(
        '--domain',
        metavar='N',
        type=Whole(0, MAX_DOMAIN),
        help='DDS domain of the nodes (default: one of their own, whatever ROS_DOMAIN_ID is)',
    )


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', port))
        except OSError:
            return False
    return True
