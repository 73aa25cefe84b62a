"""The cell of the fault matrix while it runs: what people do in it, and what is done to it."""

import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _cell import processes
from _gamepad import HAND
from _tape import BEATS, Tape
from sensor_msgs.msg import Joy

from robo_dopamine_ros.arms.crisp import TARGET
from robo_dopamine_ros.cli.processes import Cell
from robo_dopamine_ros.ros import shared_memory, topics
from robo_dopamine_ros.ros.episode_client import RefusedError
from robo_dopamine_ros.ros.interfaces import interface
from robo_dopamine_ros.ros.topics import Service
from robo_dopamine_ros.teleop.joy import JoyMap, practised
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.types import SECOND, Mode, Phase

START, ANSWER, AGAIN = 90.0, 20.0, 1.0  # [s] for all to speak, for an answer, until asked again
GHOST = 45.0  # [s] DDS tells of a killed process for 20 s
SPEED = 0.05  # of a person [m/s]
POLL, LATELY = 0.01, 0.6  # [s]
TRIES = 8  # to begin, where the machine is too busy for the limits
INTERVENE = topics.INTERVENE.type.Request


class LabError(RuntimeError):
    """Something that had to happen did not."""


class Lab:
    """Use it as a context: all runs within."""

    def __init__(self, slack: float, logs: Path | None = None) -> None:
        """`logs` is a folder for what the processes say."""
        self.alarms: list[str] = []  # latches that no fault had caused
        self._slack, self._logs = slack, logs
        self._frozen: set[str] = set()

    def __enter__(self) -> 'Lab':
        with ExitStack() as stack:
            stack.callback(shared_memory.sweep)
            cell = Cell(processes(self._slack), os.environ, _unheard, self._logs)
            self._cell = stack.enter_context(cell)
            self.tape = Tape()
            stack.enter_context(self.tape)
            node = self.tape.node
            self._hand = node.create_publisher(Joy, HAND, topics.LATCHED)
            self._clients = {
                service.name: node.create_client(service.type, service.name)
                for service in (topics.REARM, topics.STOP, topics.INTERVENE)
            }
            for process in BEATS:
                self.until(partial(self.tape.heard.get, process), START, f'{process} is silent')
            stack.callback(self._thaw_all)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def until(
        self, condition: Callable[[], Any], patience: float, failure: str, armed: bool = False
    ) -> None:
        """Wait for a condition; LabError says `failure` after `patience` [s], or not `armed`."""
        came = False

        def over() -> bool:
            nonlocal came
            came = bool(condition())
            return came or (armed and self.latched)

        self.watch(over, patience)
        if not came:
            control = self.tape.control
            said = f'{control.mode.name}: {control.reason}' if control else 'silent'
            raise LabError(f'{failure} within {patience:.0f} s; the gate is {said}')

    @property
    def latched(self) -> bool:
        """Whether the gate is latched, or was silent from the beginning."""
        return self.tape.control is None or self.tape.control.latched

    def watch(self, condition: Callable[[], Any], patience: float) -> bool:
        """Wait for a condition; whether it came within `patience` [s]."""
        deadline = time.monotonic() + patience
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True

    def kill(self, process: str) -> None:
        """End it by kill -9."""
        os.kill(self._cell.pids()[process], signal.SIGKILL)

    def freeze(self, process: str) -> None:
        """Stop it where it is, by SIGSTOP."""
        os.kill(self._cell.pids()[process], signal.SIGSTOP)
        self._frozen.add(process)

    def thaw(self, process: str) -> None:
        """Let it go on, by SIGCONT."""
        os.kill(self._cell.pids()[process], signal.SIGCONT)
        self._frozen.discard(process)

    def _thaw_all(self) -> None:
        for process in list(self._frozen):
            self.thaw(process)

    def restart(self) -> None:
        """Start again what was killed."""
        self._cell.check()

    def hears(self, process: str) -> None:
        """Wait until a process speaks again."""
        now = time.time_ns()
        self.until(lambda: self.tape.heard[process] > now, START, f'{process} is silent')

    def hand(self, held: bool) -> None:
        """Hold the dead-man and push the stick, through the middle of the workspace; or let go."""
        places, twist = self.tape.places, np.zeros(6)
        if held:
            twist[1] = -math.copysign(SPEED, places[-1].position[1])
        panel = practised(JoyMap(), Pace(), twist, ('dead_man',) if held else ())
        self._hand.publish(Joy(axes=list(panel.axes), buttons=list(panel.buttons)))

    def ask(self, service: Service, request: Any) -> Any:
        """Ask until answered: DDS may lose an answer; for requests that may be repeated."""
        client, futures, last = self._clients[service.name], [], -math.inf

        def answered() -> bool:
            nonlocal last
            if client.service_is_ready() and time.monotonic() > last + AGAIN:
                futures.append(client.call_async(request))
                last = time.monotonic()
            return any(future.done() for future in futures)

        self.until(answered, ANSWER, f'{service.name} was not answered')
        return next(future.result() for future in futures if future.done())

    def rearm(self) -> str:
        """Rearm; gives why not."""
        return self.ask(topics.REARM, topics.REARM.type.Request()).message

    def rival(self) -> Callable[[], object]:
        """Open a second publisher on target_pose, which says nothing; gives what closes it."""
        node = self.tape.node
        publisher = node.create_publisher(interface(TARGET.type), TARGET.name, TARGET.depth)
        return lambda: node.destroy_publisher(publisher)

    def stop(self) -> None:
        """Call the stop, without waiting for its answer."""
        self._clients[topics.STOP.name].call_async(topics.STOP.type.Request())

    def ready(self, mover: Mode) -> None:
        """Bring all to where the policy, or a person, moves the arm in an episode."""
        for _ in range(TRIES):
            try:
                return self._ready(mover)
            except LabError:
                control = self.tape.control
                if control is None or not control.latched:
                    raise
                self.alarms.append(control.reason)
        raise LabError(f'the gate latches by itself: {self.alarms[-1]}')

    def _ready(self, mover: Mode) -> None:
        self.hand(False)
        self.until(lambda: not self.rearm(), GHOST, 'the gate is not rearmed')
        release = INTERVENE(request=INTERVENE.RELEASE, source='the bench')

        def released() -> bool:
            return self.ask(topics.INTERVENE, release).accepted

        self.until(lambda: not self.latched, ANSWER, 'the gate says it is latched')
        self.until(released, ANSWER, 'the arm is not released', armed=True)
        self.until(self._episode_runs, ANSWER, 'no episode runs', armed=True)
        self.until(self.tape.read, ANSWER, 'the reward model is silent', armed=True)
        if mover is Mode.HUMAN:
            self.until(lambda: self._is(Mode.POLICY), ANSWER, 'the policy is still', armed=True)
            self.hand(True)
        moves = f'{mover.name} does not move the arm'
        self.until(lambda: self.moves(mover), ANSWER, moves, armed=True)

    def _episode_runs(self) -> bool:
        if self.tape.episode.phase is Phase.RUNNING:
            return True
        try:
            self.tape.start_episode('circle', ANSWER, lambda: None)
        except RefusedError:  # the conductor may not have heard of the rearming yet
            time.sleep(0.1)
        return self.tape.episode.phase is Phase.RUNNING

    def _is(self, mode: Mode) -> bool:
        control = self.tape.control
        return control is not None and control.mode is mode

    def moves(self, mover: Mode) -> bool:
        """Whether the arm moves, and this mover alone moved it of late."""
        lately = self.tape.control_since(time.time_ns() - round(LATELY * SECOND))
        alone = bool(lately) and all(control.mode is mover for control in lately)
        return alone and self.tape.speed(LATELY) > SPEED / 2


def _unheard(title: str, line: str) -> None:
    """Show nothing of what processes say."""
