"""Fake drivers as processes: each line on stdin names the fault from then on."""

import sys
import threading
from collections.abc import Callable
from typing import Any

from robo_dopamine_ros.ros.run import run


def run_faulty(make: Callable[[], Any]) -> int:
    """Spin the node that `make` gives, whose `fault` is set from stdin."""

    def heeding() -> Any:
        node = make()

        def listen() -> None:
            for line in sys.stdin:
                node.fault = line.strip()

        threading.Thread(target=listen, daemon=True).start()
        return node

    return run(heeding)
