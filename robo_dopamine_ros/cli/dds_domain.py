"""DDS domains of verbs that start nodes: one that no other process on this machine uses."""

import argparse
import os
import socket

MAX_DOMAIN = 101  # the ports of higher ones overlap Linux's ephemeral ports
VARIABLE = 'ROS_DOMAIN_ID'


def free_domain() -> int:
    """Return a domain that no process on this machine uses, whatever ROS_DOMAIN_ID is.

    The first participant of a domain binds UDP port 7400 + 250 * domain + 10 (RTPS 2.5, 9.6.2.4).
    """
    first = os.getpid() % MAX_DOMAIN
    for offset in range(MAX_DOMAIN):
        domain = 1 + (first + offset) % MAX_DOMAIN
        if _is_free(7410 + 250 * domain):
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
        type=_domain,
        help='DDS domain of the nodes (default: one of their own, whatever ROS_DOMAIN_ID is)',
    )


def _domain(text: str) -> int:
    if not (text.isdecimal() and int(text) <= MAX_DOMAIN):
        raise argparse.ArgumentTypeError(f'{text!r} is no DDS domain; it must be 0..{MAX_DOMAIN}')
    return int(text)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', port))
        except OSError:
            return False
    return True
