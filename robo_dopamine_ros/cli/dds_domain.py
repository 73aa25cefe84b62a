"""Choice of a DDS domain that no other process on this machine uses."""

import os
import socket

MAX_DOMAIN = 101  # the ports of higher ones overlap Linux's ephemeral ports
VARIABLE = 'ROS_DOMAIN_ID'


def free_domain() -> int:
    """Return the domain of ROS_DOMAIN_ID, or one that no process on this machine uses.

    The first participant of a domain binds UDP port 7400 + 250 * domain + 10 (RTPS 2.5, 9.6.2.4).
    """
    if os.environ.get(VARIABLE, '').isdecimal():
        return int(os.environ[VARIABLE])
    first = os.getpid() % MAX_DOMAIN
    for offset in range(MAX_DOMAIN):
        domain = 1 + (first + offset) % MAX_DOMAIN
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
