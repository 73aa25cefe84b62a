"""Fake drivers as processes: each line on stdin sets a fault."""

import sys
import threading
from collections.abc import Callable
from typing import Any

from robo_dopamine_ros.ros.spin import run_node


def run_faulty(make: Callable[[], Any]) -> int:
    """Spin the node that `make` returns, whose `fault` is set from stdin."""

    def heeding() -> Any:
        node = make()

        def listen() -> None:
            for line in sys.stdin:
                node.fault = line.strip()

        threading.Thread(target=listen, daemon=True).start()
        return node

    return run_node(heeding)
