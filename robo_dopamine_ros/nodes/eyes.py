"""What the simulated person sees: the board, the tool, and the force on it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node

from robo_dopamine_ros.arms.crisp import POSE, WRENCH
from robo_dopamine_ros.ros.interfaces import interface
from robo_dopamine_ros.ros.topics import SIM_BOARD, newest
from robo_dopamine_ros.ros.values import to_value
from robo_dopamine_ros.sim.operator import Sight, seen
from robo_dopamine_ros.types import Pose


class Eyes:
    """Keeps the newest of each."""

    def __init__(self, node: Node, reach: float, moved: Callable[[], object]) -> None:
        """The peg's tip is `reach` [m] beyond the tool; `moved` is called at every new board."""
        self._reach, self._moved = reach, moved
        self._tool: Pose | None = None
        self._hole: Pose | None = None
        self._force = np.zeros(3)
        for channel, hear in ((POSE, self._on_tool), (WRENCH, self._on_wrench)):
            node.create_subscription(interface(channel.type), channel.name, hear, newest(1))
        node.create_subscription(SIM_BOARD.type, SIM_BOARD.name, self._on_board, SIM_BOARD.qos)

    @property
    def sight(self) -> Sight | None:
        """What there is to see, None before board and tool were seen."""
        if self._tool is None or self._hole is None:
            return None
        return seen(self._tool, self._hole, self._force, self._reach)

    def _on_tool(self, message: Any) -> None:
        self._tool = to_value(message)

    def _on_wrench(self, message: Any) -> None:
        self._force = to_value(message)[:3]

    def _on_board(self, message: Any) -> None:
        self._hole = to_value(message)
        self._moved()
