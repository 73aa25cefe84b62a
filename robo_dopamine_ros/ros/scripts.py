"""Runs the scripts of an arm: calls one after another, without ever blocking the executor."""

import time
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from robo_dopamine_ros.arms.arm import Call, Script
from robo_dopamine_ros.ros.interfaces import MissingInterface, interface
from robo_dopamine_ros.ros.values import to_message

LOOK = 0.02  # between two looks at whether an answer is there [s]
SETTLING = 0.1  # a server just discovered may not yet know the way back to us [s]
GOAL_ENDS = {GoalStatus.STATUS_ABORTED: 'failed', GoalStatus.STATUS_CANCELED: 'was cancelled'}


class Scripts:
    """Keeps the clients that scripts called; their names are relative to `namespace`."""

    def __init__(self, node: Node, namespace: str, group: ReentrantCallbackGroup) -> None:
        self._node, self._namespace, self._group = node, namespace, group
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._clients: dict[tuple[str, str], Any] = {}
        self._busy = False

    async def perform(self, script: Script) -> tuple[str, list[str]]:
        """Run a script to its end; gives what is still wrong, and every step with its outcome.

        One runs at a time. Its calls are never repeated, and each ends within its timeout.
        """
        if self._busy:
            return 'the arm is still being started or recovered', []
        self._busy, steps, reply = True, [], None
        try:
            while True:
                step = script.send(reply)
                if isinstance(step, Call):
                    reply = await self._call(step)
                    outcome = reply if isinstance(reply, str) else 'done'
                    steps.append(f'{step.title or step.name}: {outcome}')
                else:
                    reply = await self._until(lambda: False, step)
        except StopIteration as end:
            return end.value or '', steps
        finally:
            self._busy = False

    async def _call(self, call: Call) -> Any:
        """Give the answer of a service or the result of an action, or the reason why none came."""
        deadline = time.monotonic() + call.timeout
        try:
            kind = interface(call.type)
            action = '/action/' in call.type
            request = to_message(kind.Goal if action else kind.Request, call.request)
        except MissingInterface as error:
            return str(error)
        client = self._client(call, kind, action)
        ready = client.server_is_ready if action else client.service_is_ready
        if not ready():
            if not await self._until(ready, call.timeout):
                return f'{call.name} is not offered, after {call.timeout} s'
            await self._until(lambda: False, SETTLING)
        late = f'{call.name} did not answer within {call.timeout} s'
        if action:
            return await self._pursue(client, request, deadline, late)
        answer = client.call_async(request)
        if await self._until(answer.done, deadline - time.monotonic()):
            return answer.result()
        client.remove_pending_request(answer)
        return late

    async def _pursue(self, client: ActionClient, goal: Any, deadline: float, late: str) -> Any:
        """Give an action's result; one that takes too long is cancelled."""
        sent = client.send_goal_async(goal)
        if not await self._until(sent.done, deadline - time.monotonic()):
            return late
        handle = sent.result()
        if not handle.accepted:
            return 'refused'
        end = handle.get_result_async()
        if not await self._until(end.done, deadline - time.monotonic()):
            handle.cancel_goal_async()
            return late
        status = end.result().status
        return GOAL_ENDS.get(status, end.result().result)

    def _client(self, call: Call, kind: Any, action: bool) -> Any:
        key = (call.name, call.type)
        if key not in self._clients:
            name = resolved(self._namespace, call.name)
            self._clients[key] = (
                ActionClient(self._node, kind, name, callback_group=self._group)
                if action
                else self._node.create_client(kind, name, callback_group=self._group)
            )
        return self._clients[key]

    async def _until(self, condition: Callable[[], bool], patience: float) -> bool:
        """Wait for a condition; whether it came true in `patience` [s]."""
        deadline, bell = time.monotonic() + patience, Future()

        def look() -> None:
            if not bell.done() and (condition() or time.monotonic() >= deadline):
                bell.set_result(condition())

        timer = self._node.create_timer(LOOK, look, callback_group=self._group, clock=self._steady)
        try:
            return await bell
        finally:
            self._node.destroy_timer(timer)


def resolved(namespace: str, name: str) -> str:
    """Give a name of the driver as seen from the node."""
    return f'{namespace}/{name}' if namespace and not name.startswith('/') else name
