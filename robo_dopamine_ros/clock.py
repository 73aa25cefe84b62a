"""Steady time: the clock of every timeout and watchdog.

ROS time is set by NTP, by people and by bags; it only dates messages. Python's `time.monotonic`
stands still while the computer is suspended, so that a command from before would still seem new.
"""

import time

CLOCK = getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)  # Linux: counts while suspended


def steady_time() -> float:
    """Return the time since the computer was started [s], including the time it was suspended."""
    return time.clock_gettime(CLOCK)


def steady_time_ns() -> int:
    """Return the same time [ns]."""
    return time.clock_gettime_ns(CLOCK)
