"""The conductor on a network that loses the first request, or answers, or tells late as well."""

import sys
from collections.abc import Callable
from typing import Any

from robo_dopamine_ros.nodes.conductor import Conductor
from robo_dopamine_ros.ros.run import run

LOST = {'request': 1, 'answer': 1, 'answers': 2, 'answers and word': 2}  # of a service
LATE = 1.5  # [s] the word comes so late, longer than the client waits to ask again


class LossyConductor(Conductor):
    """Loses what `loss` names; all else is the conductor itself."""

    def __init__(self, loss: str) -> None:
        self._loss = loss
        super().__init__()
        for service in self.services:
            if service.srv_name.endswith('_episode'):
                service.send_response = losing(service.send_response, LOST[loss])
                if loss == 'request':
                    service.callback = missing(service.callback)

    def _tell(self) -> None:
        tell = super()._tell
        if self._loss == 'answers and word' and self._episodes.running:
            timer = self.create_timer(LATE, lambda: (timer.cancel(), tell()))
        else:
            tell()


def losing(send: Callable[..., None], number: int) -> Callable[..., None]:
    """Send nothing the first few times."""
    left = [number]

    def lossy(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            send(*arguments)

    return lossy


def missing(callback: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Do nothing the first time."""
    heard = []

    def deaf(request: Any, response: Any) -> Any:
        heard.append(request)
        return callback(request, response) if len(heard) > 1 else response

    return deaf


if __name__ == '__main__':
    sys.exit(run(lambda: LossyConductor(sys.argv[1])))
