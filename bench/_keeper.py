"""The person in charge of a cell: sees to what waits for a person."""

from dataclasses import dataclass
from typing import Any

from _live import Live

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.topics import Service
from robo_dopamine_ros.types import Phase

UNDER_WAY = (Phase.RESETTING, Phase.RUNNING)
PATIENCE = 6.0  # [s] the cell may go on by itself before the person does something
FIRST = 30.0  # [s] it may take to begin
AGAIN = 2.0  # [s] until the person asks again


@dataclass(frozen=True)
class Deed:
    """Something the person did, and was granted."""

    at: float  # steady time [s]
    what: str  # rearm or start
    why: str  # what the gate or the conductor said


class Keeper:
    """Looks again and again; `now` is steady time [s]."""

    def __init__(self, live: Live) -> None:
        self.deeds: list[Deed] = []
        self._live = live
        self._idle: float | None = None  # since when no episode is under way [s]
        self._asked = -AGAIN
        node = live.node
        self._clients = {
            service.name: node.create_client(service.type, service.name)
            for service in (topics.REARM, topics.START_EPISODE)
        }

    def update(self, now: float) -> None:
        """Do what has to be done, if anything."""
        live = self._live
        if not live.ticks or not live.episodes or live.episode.phase in UNDER_WAY:
            self._idle = None
            return
        self._idle = now if self._idle is None else self._idle
        patience = FIRST if live.episode.phase is Phase.IDLE else PATIENCE
        if now - self._idle < patience or now - self._asked < AGAIN:
            return
        tick = live.ticks[-1]
        if tick.latched:
            self._ask(topics.REARM, f'the gate is latched: {tick.reason}', now)
        else:
            why = f'{live.episode.phase.name.lower()} by {live.episode.decided_by or "nobody"}'
            self._ask(topics.START_EPISODE, why, now)

    def since(self, at: float) -> list[Deed]:
        """What it did since then."""
        return [deed for deed in self.deeds if deed.at >= at]

    def _ask(self, service: Service, why: str, now: float) -> None:
        client = self._clients[service.name]
        if not client.service_is_ready():
            return
        self._asked = now

        def answered(future: Any) -> None:
            answer = future.result()
            if getattr(answer, 'accepted', False) or getattr(answer, 'success', False):
                self.deeds.append(Deed(now, service.name, why))

        client.call_async(service.type.Request()).add_done_callback(answered)
