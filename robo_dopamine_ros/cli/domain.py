"""Chooses a DDS domain in which nobody else talks."""

import os
import socket

HIGHEST = 101  # above it, DDS ports reach into those Linux gives to clients
VARIABLE = 'ROS_DOMAIN_ID'


def free_domain() -> int:
    """Give the domain the caller chose by ROS_DOMAIN_ID, or one that no process here uses.

    A participant of a domain holds the UDP port 7400 + 250 * domain + 10 (RTPS 2.5, 9.6.2.4), the
    second on a machine the next even one.
    """
    if os.environ.get(VARIABLE, '').isdecimal():
        return int(os.environ[VARIABLE])
    first = os.getpid() % HIGHEST
    for offset in range(HIGHEST):
        domain = 1 + (first + offset) % HIGHEST
        if _is_free(7410 + 250 * domain):
            return domain
    return 1 + first


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', port))
        except OSError:
            return False
    return True
