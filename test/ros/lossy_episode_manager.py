"""An episode manager on a network that loses the first request or answers, or delays its topic."""

import sys
from collections.abc import Callable
from typing import Any

from robo_dopamine_ros.nodes.episode_manager import EpisodeManager
from robo_dopamine_ros.ros.spin import run_node

LOST = {'request': 1, 'answer': 1, 'answers': 2, 'answers, late topic': 2}  # of a service
DELAY = 1.5  # of the topic, longer than the client waits before a retry [s]


class LossyEpisodeManager(EpisodeManager):
    """Loses what `loss` names; all else is the real episode manager."""

    def __init__(self, loss: str) -> None:
        self._loss = loss
        super().__init__()
        for service in self.services:
            if service.srv_name.endswith('_episode'):
                service.send_response = lose_answers(service.send_response, LOST[loss])
                if loss == 'request':
                    service.callback = lose_request(service.callback)

    def _publish(self) -> None:
        publish = super()._publish
        if self._loss == 'answers, late topic' and self._episodes.running:
            timer = self.create_timer(DELAY, lambda: (timer.cancel(), publish()))
        else:
            publish()


def lose_answers(send: Callable[..., None], number: int) -> Callable[..., None]:
    """Send nothing the first `number` times."""
    left = [number]

    def lossy(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            send(*arguments)

    return lossy


def lose_request(callback: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Do nothing the first time."""
    requests = []

    def lossy(request: Any, response: Any) -> Any:
        requests.append(request)
        return callback(request, response) if len(requests) > 1 else response

    return lossy


if __name__ == '__main__':
    sys.exit(run_node(lambda: LossyEpisodeManager(sys.argv[1])))
