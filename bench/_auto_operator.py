"""Substitute for the operator of a cell: rearms the gate and starts episodes when needed."""

from dataclasses import dataclass
from typing import Any

from _cell_log import CellLog

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.topics import Service
from robo_dopamine_ros.types import Phase

UNDER_WAY = (Phase.RESETTING, Phase.RUNNING)
PATIENCE = 6.0  # [s] the cell may recover by itself
FIRST = 30.0  # [s] until the first episode
AGAIN = 2.0  # [s] between requests


@dataclass(frozen=True)
class OperatorAction:
    """A request of the operator that was accepted."""

    at: float  # steady time [s]
    what: str  # rearm or start
    why: str  # state of the gate or the episode


class AutoOperator:
    """Checks the cell in every `update`; `now` is steady time [s]."""

    def __init__(self, log: CellLog) -> None:
        self.actions: list[OperatorAction] = []
        self._log = log
        self._idle: float | None = None  # since when no episode is under way [s]
        self._asked = -AGAIN
        node = log.node
        self._clients = {
            service.name: node.create_client(service.type, service.name)
            for service in (topics.REARM, topics.START_EPISODE)
        }

    def update(self, now: float) -> None:
        """Send the request that the cell waits for, if any."""
        log = self._log
        if not log.ticks or not log.episodes or log.episode.phase in UNDER_WAY:
            self._idle = None
            return
        self._idle = now if self._idle is None else self._idle
        patience = FIRST if log.episode.phase is Phase.IDLE else PATIENCE
        if now - self._idle < patience or now - self._asked < AGAIN:
            return
        tick = log.ticks[-1]
        if tick.latched:
            self._ask(topics.REARM, f'the gate is latched: {tick.reason}', now)
        else:
            why = f'{log.episode.phase.name.lower()} by {log.episode.decided_by or "nobody"}'
            self._ask(topics.START_EPISODE, why, now)

    def since(self, at: float) -> list[OperatorAction]:
        """Actions since then."""
        return [action for action in self.actions if action.at >= at]

    def _ask(self, service: Service, why: str, now: float) -> None:
        client = self._clients[service.name]
        if not client.service_is_ready():
            return
        self._asked = now

        def answered(future: Any) -> None:
            answer = future.result()
            if getattr(answer, 'accepted', False) or getattr(answer, 'success', False):
                self.actions.append(OperatorAction(now, service.name, why))

        client.call_async(service.type.Request()).add_done_callback(answered)
