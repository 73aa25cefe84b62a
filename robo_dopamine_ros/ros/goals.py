"""Sends an arm's goals to an action server, the newest alone."""

import time
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.task import Future

LOST = 10.0  # a goal without any end for so long is given up [s]


class Goals:
    """One goal is under way at a time: for a newer one it is cancelled, and its end awaited.

    Grippers move in calls that block their driver, so goals must not pile up there.
    """

    def __init__(self, node: Node, kind: Any, name: str, group: Any) -> None:
        self.note = ''  # why the newest goal was not reached
        self._client = ActionClient(node, kind, name, callback_group=group)
        self._name = name
        self._next: Any = None
        self._sent = 0.0  # steady time of the goal under way [s], 0: none is
        self._handle: Any = None  # of the goal under way, once accepted and until cancelled

    def offer(self, goal: Any) -> None:
        """Leave the newest goal; one that still waits is replaced."""
        self._next = goal

    def flush(self) -> None:
        """Send what waits, as soon as there is a server and nothing is under way."""
        now = time.monotonic()
        if self._next is None:
            return
        if self._sent and now < self._sent + LOST:
            if self._handle is not None:
                self._handle.cancel_goal_async()
                self._handle = None
        elif not self._client.server_is_ready():
            self.note = f'{self._name} is not offered'
        else:
            goal, self._next, self._sent, self.note = self._next, None, now, ''
            sent = self._client.send_goal_async(goal)
            sent.add_done_callback(lambda future: self._answered(future, now))

    def _answered(self, future: Future, sent: float) -> None:
        if sent != self._sent:
            return  # given up before
        handle = future.result()
        if handle.accepted:
            self._handle = handle
            handle.get_result_async().add_done_callback(lambda end: self._ended(end, sent))
        else:
            self.note, self._sent = f'{self._name} refused the goal', 0.0

    def _ended(self, future: Future, sent: float) -> None:
        if sent != self._sent:
            return
        self._handle, self._sent = None, 0.0
        if future.result().status == GoalStatus.STATUS_ABORTED:
            self.note = f'{self._name} failed'
