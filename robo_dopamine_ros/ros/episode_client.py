"""Asks the conductor to start and end episodes: once each, though DDS may lose an answer."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from robo_dopamine.srv import EndEpisode, StartEpisode

from robo_dopamine_ros.ros.convert import episode_from_msg
from robo_dopamine_ros.ros.topics import END_EPISODE, START_EPISODE, Service
from robo_dopamine_ros.types import Episode, Outcome, Phase

POLL = 0.01  # [s] between looks while waiting
SILENCE = 1.0  # [s] without an answer until the conductor is asked again; longer every time

Granted = Callable[[Episode, Episode], bool]  # conductor's word before and now -> whether it did
Check = Callable[[], None]  # called while waiting; raises to end it


class RefusedError(RuntimeError):
    """The conductor did not answer, or answered no; the text says why."""


class EpisodeClient:
    """Waits for answers, so another thread must spin the node.

    Both verbs give the episode as it is then. They raise RefusedError when the conductor says no,
    or nothing within `patience` [s].
    """

    def __init__(self, node: Node, heard: Sequence[Episode]) -> None:
        """`heard` fills with what the topic `episode` says."""
        self._heard = heard
        self._clients = {
            service.name: node.create_client(service.type, service.name)
            for service in (START_EPISODE, END_EPISODE)
        }

    def start(self, task: str, patience: float, check: Check) -> Episode:
        """Have an episode started; where a reset comes first, it does not run yet."""

        def granted(before: Episode, now: Episode) -> bool:
            meant = now.phase in (Phase.RESETTING, Phase.RUNNING) and task in ('', now.task)
            return meant and now.id != before.id

        request = StartEpisode.Request(task=task)
        return self._ask(START_EPISODE, request, granted, time.monotonic() + patience, check)

    def end(self, outcome: Outcome, decided_by: str, patience: float, check: Check) -> Episode:
        """Have the episode that runs ended."""

        def granted(before: Episode, now: Episode) -> bool:
            meant = now.phase is Phase.ENDED and now.outcome is outcome
            return meant and decided_by in ('', now.decided_by) and now != before

        request = EndEpisode.Request(outcome=int(outcome), decided_by=decided_by)
        return self._ask(END_EPISODE, request, granted, time.monotonic() + patience, check)

    def _ask(
        self, service: Service, request: Any, granted: Granted, deadline: float, check: Check
    ) -> Episode:
        """Ask until there is an answer, or the topic `episode` shows that the request was granted.

        DDS may lose the answer to a client it has just discovered. Only when the topic shows no
        change is the conductor asked again, and it refuses what it did already: such a refusal is
        known by the episode that comes with it.
        """
        client, name = self._clients[service.name], service.name
        _wait(client.service_is_ready, deadline, check, f'{name} is not offered')
        _wait(lambda: bool(self._heard), deadline, check, 'the conductor told of no episode')
        before = self._heard[-1]
        sent, asked = [client.call_async(request)], time.monotonic()

        def settled() -> bool:
            nonlocal asked
            silent = not any(future.done() for future in sent)
            if silent and time.monotonic() > asked + SILENCE * len(sent):
                if granted(before, self._heard[-1]):
                    return True
                sent.append(client.call_async(request))
                asked = time.monotonic()
            return sent[-1].done()  # where one answer came, those to later requests follow

        _wait(settled, deadline, check, f'{name} was not answered')
        answers = [future.result() for future in sent if future.done()]
        if not answers:
            return self._heard[-1]
        answer = next((answer for answer in answers if answer.accepted), answers[-1])
        episode = episode_from_msg(answer.episode)
        if answer.accepted or (len(sent) > 1 and granted(before, episode)):
            return episode
        raise RefusedError(f'{name} was refused: {answer.reason}')


def _wait(condition: Callable[[], bool], deadline: float, check: Check, failure: str) -> None:
    """Wait for a condition until a time of the steady clock [s]; RefusedError says `failure`."""
    while not condition():
        check()
        if time.monotonic() > deadline:
            raise RefusedError(f'{failure} in time')
        time.sleep(POLL)
