"""The services that the buttons of a teleoperation device call."""

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.task import Future
from robo_dopamine.srv import Intervene

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros.topics import (
    END_EPISODE,
    INTERVENE,
    REARM,
    START_EPISODE,
    STOP,
)
from robo_dopamine_ros.teleop.device import ButtonEvent
from robo_dopamine_ros.types import Outcome

ANSWER_TIMEOUT = 1.0  # [s] of a service call
SERVICES = {
    ButtonEvent.TAKE_OVER: INTERVENE,
    ButtonEvent.RELEASE: INTERVENE,
    ButtonEvent.STOP: STOP,
    ButtonEvent.REARM: REARM,
    ButtonEvent.START: START_EPISODE,
    ButtonEvent.SUCCESS: END_EPISODE,
    ButtonEvent.FAILURE: END_EPISODE,
}


class ButtonServices:
    """Calls the service of a button and logs the answer."""

    def __init__(self, node: Node, person: str, log: Callable[[str], object]):
        """`person` is the name that the services are given."""
        self._log = log
        self._fields: dict[ButtonEvent, dict[str, Any]] = {
            ButtonEvent.TAKE_OVER: {'request': Intervene.Request.TAKE_OVER, 'source': person},
            ButtonEvent.RELEASE: {'request': Intervene.Request.RELEASE, 'source': person},
            ButtonEvent.SUCCESS: {'outcome': int(Outcome.SUCCESS), 'decided_by': person},
            ButtonEvent.FAILURE: {'outcome': int(Outcome.FAILURE), 'decided_by': person},
        }
        self._clients = {
            service.name: node.create_client(service.type, service.name)
            for service in dict.fromkeys(SERVICES.values())
        }
        self._pending: dict[Future, tuple[str, float]] = {}  # event name, deadline [s]

    def call(self, event: ButtonEvent) -> None:
        """Call the service of a button; an event without a service does nothing here."""
        if (service := SERVICES.get(event)) is None:
            return
        client, name = self._clients[service.name], event.value.replace('_', ' ')
        if not client.service_is_ready():
            self._log(f'{name}: nobody offers {service.name}; the {service.owner} does not run')
            return
        future = client.call_async(service.type.Request(**self._fields.get(event, {})))
        self._pending[future] = (name, steady_time() + ANSWER_TIMEOUT)
        future.add_done_callback(partial(self._on_answer, name))

    def check_timeouts(self) -> None:
        """Log every call that was not answered in time."""
        now = steady_time()
        for future, (name, deadline) in list(self._pending.items()):
            if future.done():
                del self._pending[future]
            elif now > deadline:
                del self._pending[future]
                self._log(f'{name}: no answer within {ANSWER_TIMEOUT:g} s')

    def _on_answer(self, name: str, future: Future) -> None:
        answer = future.result()
        if answer is None:
            return
        accepted = answer.accepted if hasattr(answer, 'accepted') else answer.success
        reason = answer.reason if hasattr(answer, 'reason') else answer.message
        self._log(f'{name}: done' if accepted else f'{name}: refused: {reason}')
