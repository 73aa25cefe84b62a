"""Client of the services of the episode manager: each request acts once, though DDS may lose it."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from robo_dopamine.srv import EndEpisode, StartEpisode

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros.convert import from_msg
from robo_dopamine_ros.ros.topics import END_EPISODE, START_EPISODE, Service
from robo_dopamine_ros.types import Episode, Outcome, Phase

POLL_PERIOD = 0.01  # between checks while waiting [s]
RETRY_PERIOD = 1.0  # without an answer until the first retry, longer for every further one [s]

IsGranted = Callable[[Episode, Episode], bool]  # episode before and now -> whether granted
Check = Callable[[], None]  # called while waiting; raises to end it


class EpisodeRequestError(RuntimeError):
    """The episode manager refused a request or did not answer in time; the text says why."""


class EpisodeClient:
    """Starts and ends episodes and waits for the answers, so another thread must spin the node.

    Both methods give the episode as it is then. They raise EpisodeRequestError when the request is
    refused or not answered within `timeout` [s].
    """

    def __init__(self, node: Node, episodes: Sequence[Episode]) -> None:
        """`episodes` are those received on the topic `episode`; the caller appends to it."""
        self._episodes = episodes
        self._clients = {
            service.name: node.create_client(service.type, service.name)
            for service in (START_EPISODE, END_EPISODE)
        }

    def start(self, task: str, timeout: float, check: Check) -> Episode:
        """Start an episode; with a reset it is not running yet."""

        def granted(before: Episode, now: Episode) -> bool:
            started = now.phase in (Phase.RESETTING, Phase.RUNNING) and task in ('', now.task)
            return started and now.id != before.id

        request = StartEpisode.Request(task=task)
        return self._request(START_EPISODE, request, granted, steady_time() + timeout, check)

    def end(self, outcome: Outcome, decided_by: str, timeout: float, check: Check) -> Episode:
        """End the running episode."""

        def granted(before: Episode, now: Episode) -> bool:
            ended = now.phase is Phase.ENDED and now.outcome in (outcome, Outcome.NONE)
            return ended and decided_by in ('', now.decided_by) and now != before

        request = EndEpisode.Request(outcome=int(outcome), decided_by=decided_by)
        return self._request(END_EPISODE, request, granted, steady_time() + timeout, check)

    def _request(
        self, service: Service, request: Any, granted: IsGranted, deadline: float, check: Check
    ) -> Episode:
        """Send until there is an answer, or the topic `episode` shows that the request was granted.

        DDS may lose the answer to a client it has just discovered. The request is sent again only
        while the topic shows no change. A second request for what was already done is refused;
        such a refusal is recognised by the episode in it.
        """
        client, name = self._clients[service.name], service.name
        _wait(client.service_is_ready, deadline, check, f'{name} is not offered')
        _wait(lambda: bool(self._episodes), deadline, check, 'the topic episode is silent')
        before = self._episodes[-1]
        sent, last_sent = [client.call_async(request)], steady_time()

        def settled() -> bool:
            nonlocal last_sent
            unanswered = not any(future.done() for future in sent)
            if unanswered and steady_time() > last_sent + RETRY_PERIOD * len(sent):
                if granted(before, self._episodes[-1]):
                    return True
                sent.append(client.call_async(request))
                last_sent = steady_time()
            return sent[-1].done()  # where one answer came, those to later requests follow

        _wait(settled, deadline, check, f'{name} was not answered')
        answers = [future.result() for future in sent if future.done()]
        if not answers:
            return self._episodes[-1]
        answer = next((answer for answer in answers if answer.accepted), answers[-1])
        episode = from_msg(answer.episode)
        if answer.accepted or (len(sent) > 1 and granted(before, episode)):
            return episode
        raise EpisodeRequestError(f'{name} was refused: {answer.reason}')


def _wait(condition: Callable[[], bool], deadline: float, check: Check, failure: str) -> None:
    """Wait for a condition until a time of the steady clock [s]; raises EpisodeRequestError."""
    while not condition():
        check()
        if steady_time() > deadline:
            raise EpisodeRequestError(f'{failure} in time')
        time.sleep(POLL_PERIOD)
