"""Timers on the steady clock, which nobody sets.

A timer of rclpy follows the node's clock, as system time does by default: when that is set back by
an hour, the timer stands still for an hour. With simulated time it stands still in a pause.
"""

from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node


def create_steady_timer(
    node: Node, period: float, callback: Callable[[], Any], **options: Any
) -> Any:
    """Create a timer with a period of steady time [s]; `options` are those of `create_timer`."""
    clock = Clock(clock_type=ClockType.STEADY_TIME)
    return node.create_timer(period, callback, clock=clock, **options)
