"""What the buttons of a device call: the services that everybody calls, and their answers told."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.task import Future
from robo_dopamine.srv import Intervene

from robo_dopamine_ros.ros.topics import (
    END_EPISODE,
    INTERVENE,
    REARM,
    START_EPISODE,
    STOP,
    Service,
)
from robo_dopamine_ros.teleop.reading import Press
from robo_dopamine_ros.types import Outcome

PATIENCE = 1.0  # [s] for an answer
SERVICES = {
    Press.TAKE_OVER: INTERVENE,
    Press.RELEASE: INTERVENE,
    Press.STOP: STOP,
    Press.REARM: REARM,
    Press.START: START_EPISODE,
    Press.SUCCESS: END_EPISODE,
    Press.FAILURE: END_EPISODE,
}


class Presses:
    """Calls services for a person and says what came of it."""

    def __init__(self, node: Node, person: str, say: Callable[[str], object]):
        """`person` is who the services are told asks."""
        self._say = say
        self._fields: dict[Press, dict[str, Any]] = {
            Press.TAKE_OVER: {'request': Intervene.Request.TAKE_OVER, 'source': person},
            Press.RELEASE: {'request': Intervene.Request.RELEASE, 'source': person},
            Press.SUCCESS: {'outcome': int(Outcome.SUCCESS), 'decided_by': person},
            Press.FAILURE: {'outcome': int(Outcome.FAILURE), 'decided_by': person},
        }
        self._clients = {
            service.name: node.create_client(service.type, service.name)
            for service in dict.fromkeys(SERVICES.values())
        }
        self._asked: dict[Future, tuple[str, float]] = {}  # what, and until when an answer is due

    def press(self, press: Press) -> None:
        """Call the service of a button; those of no service do nothing here."""
        if (service := SERVICES.get(press)) is None:
            return
        client, what = self._clients[service.name], press.value.replace('_', ' ')
        if not client.service_is_ready():
            self._say(f'{what}: nobody offers {service.name}; the {service.owner} does not run')
            return
        future = client.call_async(_request(service, self._fields.get(press, {})))
        self._asked[future] = (what, time.monotonic() + PATIENCE)
        future.add_done_callback(partial(self._answered, what))

    def check(self) -> None:
        """Say which calls were not answered in time."""
        now = time.monotonic()
        for future, (what, due) in list(self._asked.items()):
            if future.done():
                del self._asked[future]
            elif now > due:
                del self._asked[future]
                self._say(f'{what}: no answer within {PATIENCE:g} s')

    def _answered(self, what: str, future: Future) -> None:
        answer = future.result()
        if answer is None:
            return
        granted = answer.accepted if hasattr(answer, 'accepted') else answer.success
        reason = answer.reason if hasattr(answer, 'reason') else answer.message
        self._say(f'{what}: done' if granted else f'{what}: refused: {reason}')


def _request(service: Service, fields: dict[str, Any]) -> Any:
    return service.type.Request(**fields)
