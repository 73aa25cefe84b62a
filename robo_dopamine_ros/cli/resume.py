"""The verb `resume`: what a person types after a stop, so that a cell goes on."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import Control, Phase

if TYPE_CHECKING:
    from robo_dopamine_ros.nodes.observer import Observer
    from robo_dopamine_ros.ros.topics import Service

HEARD = 5.0  # [s] to hear of gate and conductor
ANSWERED = 5.0  # [s] for an answer
SETTLED = 3.0  # [s] until the conductor knows what the gate did
BEGUN = 15.0  # [s] for the next episode to begin
POLL, AGAIN = 0.02, 1.0  # [s] between looks; without an answer until it is asked again, ever longer
HELP = 'after a stop: rearm the gate and let episodes go on'
EXAMPLES = """\
examples:
  robo-dopamine resume                     first look that nobody is near the arm
  robo-dopamine resume --namespace left    one cell of several
it says what stood in the way and what goes on now; a stop whose cause stands is not lifted

exit codes: 0 when it goes on; 2 when somebody refuses, named with the reason, or nothing runs
"""


class ResumeError(RuntimeError):
    """A cell that does not go on; the text says who refuses, and why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument('--namespace', metavar='NAME', default='', help='of the cell')


def run(args: argparse.Namespace) -> int:
    """Look, rearm, let go on, and say what came of it."""
    environment.activate()
    from robo_dopamine_ros.nodes.observer import Observer

    screen = Screen(sys.stdout)
    with Observer('resume', args.namespace, limit=100) as observer:
        cell = Cell(observer)
        cell.listen()
        screen.line(f'conductor: {cell.words}')
        if cell.latch:
            screen.line(f'gate: {cell.latch}')
            cell.rearm()
            screen.line('gate: rearmed')
        screen.line(cell.go_on())
    return 0


class Cell:
    """The gate and the conductor, as they are heard and asked."""

    def __init__(self, observer: 'Observer') -> None:
        from robo_dopamine_ros.ros.convert import control_from_msg
        from robo_dopamine_ros.ros.topics import CONTROL, DIAGNOSTICS

        self._observer = observer
        self._name = f'{observer.node.get_namespace()}/conductor: conductor'.lstrip('/')
        self._controls: list[Control] = []
        self._told: Any = None  # what the conductor's diagnostics said last
        observer.keep(CONTROL, control_from_msg, self._controls)
        observer.keep(DIAGNOSTICS, self._take, [])

    @property
    def latch(self) -> str:
        """Why the gate lets nothing through; empty if it does, or where there is none."""
        last = self._controls[-1] if self._controls else None
        return (last.reason or 'it does not say why') if last and last.latched else ''

    @property
    def words(self) -> str:
        """What the conductor says of itself."""
        if self._told is not None:
            return self._told.message
        return 'its diagnostics are silent' if self._observer.episodes else 'it does not run'

    def listen(self) -> None:
        """Hear of both; raises ResumeError where neither runs."""
        _wait(lambda: bool(self._controls and self._told is not None), HEARD)
        if not (self._controls or self._observer.episodes):
            place = self._observer.node.get_namespace()
            domain = os.environ.get('ROS_DOMAIN_ID') or '0'
            raise ResumeError(
                f'no cell runs in namespace {place}, domain {domain}; `robo-dopamine up` starts one'
            )

    def rearm(self) -> None:
        """Have the gate release its latch."""
        from robo_dopamine_ros.ros.topics import REARM

        answer = self._ask(REARM)
        if not answer.success:
            raise ResumeError(f'the gate refuses to rearm: {answer.message}')
        if not _wait(lambda: not self.latch, SETTLED):
            raise ResumeError(f'the gate is latched again: {self.latch}')

    def go_on(self) -> str:
        """Let the conductor go on; gives what goes on then."""
        from robo_dopamine_ros.ros.episodes import BY_ITSELF, BY_PERSON, DONE
        from robo_dopamine_ros.ros.topics import PAUSE

        if not self._observer.episodes:
            raise ResumeError('no conductor runs, so there are no episodes to go on with')
        answers: list[Any] = []

        def granted() -> bool:  # it may not have heard yet that the gate was rearmed
            answers.append(self._ask(PAUSE, data=False))
            return answers[-1].success

        if not _wait(granted, SETTLED):
            raise ResumeError(f'the conductor refuses to go on: {answers[-1].message}')
        prospect, self._told = answers[-1].message, None
        if prospect == BY_PERSON:
            return f'conductor: {prospect}'
        if prospect.endswith(DONE) or not _wait(self._under_way, BEGUN):
            prospect = self._prospect or prospect
            if prospect != BY_ITSELF:
                raise ResumeError(f'the conductor begins no episode: {prospect}')
            return f'conductor: {prospect}'
        episode = self._observer.episode
        return f'{episode.id} is {episode.phase.name.lower()}: {episode.task}'

    def _under_way(self) -> bool:
        return self._observer.episode.phase in (Phase.RESETTING, Phase.RUNNING)

    @property
    def _prospect(self) -> str:
        """What begins the next episode, as the conductor's diagnostics say."""
        from robo_dopamine_ros.ros.episodes import NEXT

        values = self._told.values if self._told is not None else ()
        return next((value.value for value in values if value.key == NEXT), '')

    def _take(self, message: Any) -> None:
        for status in message.status:
            if status.name == self._name:
                self._told = status

    def _ask(self, service: 'Service', **fields: Any) -> Any:
        """Ask until answered: DDS may lose the answer to a client it has just discovered."""
        node = self._observer.node
        client = node.create_client(service.type, service.name)
        if not _wait(client.service_is_ready, ANSWERED):
            raise ResumeError(f'nobody offers {service.name}; the {service.owner} does not run')
        began, sent = time.monotonic(), [client.call_async(service.type.Request(**fields))]

        def answered() -> bool:
            if time.monotonic() > began + AGAIN * len(sent):
                sent.append(client.call_async(service.type.Request(**fields)))
            return any(future.done() for future in sent)

        if not _wait(answered, ANSWERED):
            raise ResumeError(f'the {service.owner} did not answer {service.name} in time')
        return next(future.result() for future in sent if future.done())


def _wait(condition: Callable[[], bool], patience: float) -> bool:
    """Whether a condition came true within so many seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True
