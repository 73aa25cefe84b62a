"""State of a running cell, as its gate and its episode manager publish it."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.types import Control

if TYPE_CHECKING:
    from robo_dopamine_ros.nodes.cell_client import CellClient
    from robo_dopamine_ros.ros.topics import Service

LISTEN_TIMEOUT = 5.0  # [s] for messages of gate and episode manager
ANSWER_TIMEOUT = 5.0  # [s] of a service call
POLL_PERIOD = 0.02  # [s]
RETRY_PERIOD = 1.0  # [s] without an answer, until the call is repeated


class CellStateError(RuntimeError):
    """A cell that does not run or does not answer; the text names the node."""


class CellState:
    """Receives the state of gate and episode manager and calls their services."""

    def __init__(self, client: 'CellClient') -> None:
        from robo_dopamine_ros.ros.convert import from_msg
        from robo_dopamine_ros.ros.topics import CONTROL, DIAGNOSTICS

        self.client = client
        self._name = f'{client.node.get_namespace()}/episode_manager: episode_manager'.lstrip('/')
        self._controls: list[Control] = []
        self.status: Any = None  # newest DiagnosticStatus of the episode manager
        client.subscribe(CONTROL, from_msg, self._controls)
        client.subscribe(DIAGNOSTICS, self._on_diagnostics, [])

    @property
    def latch_reason(self) -> str:
        """Why the gate is latched; empty if it is not, or if there is no gate."""
        last = self._controls[-1] if self._controls else None
        return (last.reason or 'it does not say why') if last and last.latched else ''

    @property
    def episode_manager_status(self) -> str:
        """The episode manager's diagnostic message."""
        if self.status is not None:
            return self.status.message
        return 'its diagnostics are silent' if self.client.episodes else 'it does not run'

    def value(self, key: str) -> str:
        """Return a value of the episode manager's diagnostics; empty if there is none."""
        values = self.status.values if self.status is not None else ()
        return next((value.value for value in values if value.key == key), '')

    def wait_for_nodes(self, timeout: float = LISTEN_TIMEOUT) -> None:
        """Wait for messages of both nodes; raises CellStateError if neither runs."""
        wait(lambda: bool(self._controls and self.status is not None), timeout)
        if not (self._controls or self.client.episodes):
            namespace = self.client.node.get_namespace()
            domain = os.environ.get('ROS_DOMAIN_ID') or '0'
            raise CellStateError(
                f'no cell runs in namespace {namespace}, domain {domain}; '
                '`robo-dopamine up` starts one'
            )

    def wait_for_episode_manager(self) -> None:
        """Wait for its first message; raises CellStateError if none runs."""
        if not wait(lambda: bool(self.client.episodes), LISTEN_TIMEOUT):
            self.wait_for_nodes(0.0)
            raise CellStateError('no episode manager runs in this cell')

    def call(self, service: 'Service', **fields: Any) -> Any:
        """Repeat a call until it is answered: DDS may lose the answer to a new client."""
        client = self.client.node.create_client(service.type, service.name)
        if not wait(client.service_is_ready, ANSWER_TIMEOUT):
            raise CellStateError(f'nobody offers {service.name}; the {service.owner} does not run')
        started, futures = time.monotonic(), [client.call_async(service.type.Request(**fields))]

        def answered() -> bool:
            if time.monotonic() > started + RETRY_PERIOD * len(futures):
                futures.append(client.call_async(service.type.Request(**fields)))
            return any(future.done() for future in futures)

        if not wait(answered, ANSWER_TIMEOUT):
            raise CellStateError(f'the {service.owner} did not answer {service.name} in time')
        return next(future.result() for future in futures if future.done())

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            if status.name == self._name:
                self.status = status


def wait(condition: Callable[[], bool], timeout: float) -> bool:
    """Return whether a condition became true within `timeout` [s]."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_PERIOD)
    return True
