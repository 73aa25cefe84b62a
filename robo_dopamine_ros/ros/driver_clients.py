"""Service and action clients of an arm driver; none of them blocks the executor."""

from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from robo_dopamine_ros.arms.arm import Call, CallSequence
from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros.convert import encode_driver_message
from robo_dopamine_ros.ros.interfaces import MissingInterface, get_interface
from robo_dopamine_ros.ros.timers import create_steady_timer

POLL_PERIOD = 0.02  # between two checks for a response [s]
DISCOVERY_DELAY = 0.1  # a server just discovered may not yet know the way back to us [s]
GOAL_ERRORS = {GoalStatus.STATUS_ABORTED: 'failed', GoalStatus.STATUS_CANCELED: 'was cancelled'}


class CallSequenceRunner:
    """Makes the calls of one sequence at a time; names are relative to `namespace`."""

    def __init__(self, node: Node, namespace: str, group: ReentrantCallbackGroup) -> None:
        self._node, self._namespace, self._group = node, namespace, group
        self._clients: dict[tuple[str, str], Any] = {}  # by name and type of the call
        self._busy = False

    async def run(self, sequence: CallSequence) -> tuple[str, list[str]]:
        """Run a sequence; return the remaining error, and every step with its outcome.

        Refused while another one runs. Calls are never repeated, and each ends by its timeout.
        """
        if self._busy:
            return 'the arm is still being started or recovered', []
        self._busy, steps, reply = True, [], None
        try:
            while True:
                step = sequence.send(reply)
                if isinstance(step, Call):
                    reply = await self._call(step)
                    outcome = reply if isinstance(reply, str) else 'done'
                    steps.append(f'{step.label or step.name}: {outcome}')
                else:
                    reply = await self._wait(lambda: False, step)
        except StopIteration as end:
            return end.value or '', steps
        finally:
            self._busy = False

    async def _call(self, call: Call) -> Any:
        """Return the response of a service or the result of an action, or why there is none."""
        deadline = steady_time() + call.timeout
        try:
            kind = get_interface(call.type)
            is_action = '/action/' in call.type
            request = encode_driver_message(kind.Goal if is_action else kind.Request, call.request)
        except MissingInterface as error:
            return str(error)
        client = self._client(call, kind, is_action)
        ready = client.server_is_ready if is_action else client.service_is_ready
        if not ready():
            if not await self._wait(ready, call.timeout):
                return f'{call.name} is not offered, after {call.timeout} s'
            await self._wait(lambda: False, DISCOVERY_DELAY)
        late = f'{call.name} did not answer within {call.timeout} s'
        if is_action:
            return await self._run_goal(client, request, deadline, late)
        response = client.call_async(request)
        if await self._wait(response.done, deadline - steady_time()):
            return response.result()
        client.remove_pending_request(response)
        return late

    async def _run_goal(self, client: ActionClient, goal: Any, deadline: float, late: str) -> Any:
        """Return the result of an action; cancel the goal at the deadline."""
        sent = client.send_goal_async(goal)
        if not await self._wait(sent.done, deadline - steady_time()):
            return late
        handle = sent.result()
        if not handle.accepted:
            return 'refused'
        end = handle.get_result_async()
        if not await self._wait(end.done, deadline - steady_time()):
            handle.cancel_goal_async()
            return late
        status = end.result().status
        return GOAL_ERRORS.get(status, end.result().result)

    def _client(self, call: Call, kind: Any, is_action: bool) -> Any:
        key = (call.name, call.type)
        if key not in self._clients:
            name = resolve_name(self._namespace, call.name)
            self._clients[key] = (
                ActionClient(self._node, kind, name, callback_group=self._group)
                if is_action
                else self._node.create_client(kind, name, callback_group=self._group)
            )
        return self._clients[key]

    async def _wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait for a condition; return whether it became true within the timeout [s]."""
        deadline, done = steady_time() + timeout, Future()

        def check() -> None:
            if not done.done() and (condition() or steady_time() >= deadline):
                done.set_result(condition())

        timer = create_steady_timer(self._node, POLL_PERIOD, check, callback_group=self._group)
        try:
            return await done
        finally:
            self._node.destroy_timer(timer)


def resolve_name(namespace: str, name: str) -> str:
    """Return a name of the driver as seen from the node."""
    return f'{namespace}/{name}' if namespace and not name.startswith('/') else name


GOAL_TIMEOUT = 10.0  # a goal without a result for longer is given up [s]


class LatestGoalClient:
    """Action client that keeps one goal active: a newer one cancels it and waits for its end.

    Gripper drivers block while they move, so goals must not queue up there.
    """

    def __init__(
        self,
        node: Node,
        kind: Any,
        name: str,
        group: ReentrantCallbackGroup,
        on_end: Callable[[str], None],
    ) -> None:
        """`on_end` gets why the newest goal was not reached, empty: it was."""
        self.error = ''  # why the newest goal was not reached
        self._client = ActionClient(node, kind, name, callback_group=group)
        self._name, self._on_end = name, on_end
        self._pending: Any = None
        self._sent = 0.0  # steady time at which the active goal was sent [s], 0: none is active
        self._handle: Any = None  # of the active goal, from its acceptance until it is cancelled

    def set_goal(self, goal: Any) -> None:
        """Set the goal to send next; it replaces a pending one."""
        self._pending = goal

    def drop_pending(self) -> None:
        """Forget a goal that was not sent yet, because it is not requested any more."""
        if self._pending is not None:
            self._pending = None
            self._finish(f'{self._name}: the motion ended before the goal was sent')

    def send_pending(self) -> None:
        """Send the pending goal, once the server is available and no goal is active."""
        now = steady_time()
        if self._sent and now >= self._sent + GOAL_TIMEOUT:
            self._cancel()
            self._sent = 0.0
            self._finish(f'{self._name} gave no result within {GOAL_TIMEOUT:.0f} s')
        if self._pending is None:
            return
        if self._sent:
            self._cancel()
        elif not self._client.server_is_ready():
            self.error = f'{self._name} is not offered'
        else:
            goal, self._pending, self._sent, self.error = self._pending, None, now, ''
            response = self._client.send_goal_async(goal)
            response.add_done_callback(lambda future: self._on_response(future, now))

    def _cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel_goal_async()
            self._handle = None

    def _finish(self, error: str) -> None:
        """Report the end of a goal, unless a newer one waits, which replaces it."""
        self.error = error
        if self._pending is None:
            self._on_end(error)

    def _on_response(self, future: Future, sent: float) -> None:
        if sent != self._sent:
            return  # given up before
        handle = future.result()
        if handle.accepted:
            self._handle = handle
            handle.get_result_async().add_done_callback(lambda end: self._on_result(end, sent))
        else:
            self._sent = 0.0
            self._finish(f'{self._name} refused the goal')

    def _on_result(self, future: Future, sent: float) -> None:
        if sent != self._sent:
            return
        self._handle, self._sent = None, 0.0
        error = GOAL_ERRORS.get(future.result().status, '')
        self._finish(f'{self._name} {error}' if error else '')
