"""The running cell of the fault bench: operator, requests, killed and frozen processes."""

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
from _fault_log import FaultLog, heartbeats
from _hands import JOY, TOUCH, Hand
from _safety_input import DEVICES, input_topic
from std_msgs.msg import UInt8

from robo_dopamine_ros.cli.supervisor import Supervisor
from robo_dopamine_ros.ros import shared_memory, topics
from robo_dopamine_ros.ros.episode_client import EpisodeRequestError
from robo_dopamine_ros.ros.topics import Service
from robo_dopamine_ros.types import SECOND, Mode, Phase

START_TIMEOUT, TIMEOUT, RETRY_PERIOD = 90.0, 20.0, 1.0  # [s]
DISCOVERY_TIMEOUT = 45.0  # [s] DDS reports a killed process for 20 s
SPEED = 0.05  # of the operator [m/s]
POLL_PERIOD, RECENT = 0.01, 0.6  # [s]
ATTEMPTS = 8  # to start an episode, where the machine is too busy for the limits
INTERVENE = topics.INTERVENE.type.Request


class FaultCellError(RuntimeError):
    """A condition was not met in time."""


class FaultCell:
    """All processes, and a client; a context manager."""

    def __init__(self, slack: float, logs: Path | None = None, device: str = JOY) -> None:
        """`logs` is a folder for the logs of the processes, `device` that of the operator."""
        self._device = device
        self.alarms: list[str] = []  # reasons of latches that no fault had caused
        self._slack, self._logs = slack, logs
        self._frozen: set[str] = set()

    def __enter__(self) -> 'FaultCell':
        with ExitStack() as stack:
            stack.callback(shared_memory.remove_stale)
            cell = Supervisor(
                processes(self._slack, self._device), os.environ, _discard, self._logs
            )
            self._cell = stack.enter_context(cell)
            self.log = FaultLog(self._device)
            stack.enter_context(self.log)
            node = self.log.node
            self.hand = Hand(node, self._device)
            self._safety_inputs = {
                name: node.create_publisher(UInt8, input_topic(name), topics.LATCHED)
                for name in DEVICES
            }
            self._clients = {
                service.name: node.create_client(service.type, service.name)
                for service in (topics.REARM, topics.STOP, topics.INTERVENE)
            }
            for process in heartbeats(self._device):
                self.until(
                    partial(self.log.last_arrival.get, process),
                    START_TIMEOUT,
                    f'{process} is silent',
                )
            stack.callback(self._resume_all)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def until(
        self, condition: Callable[[], Any], timeout: float, failure: str, armed: bool = False
    ) -> None:
        """Wait for a condition; FaultCellError after `timeout` [s], or when latched if `armed`."""
        met = False

        def done() -> bool:
            nonlocal met
            met = bool(condition())
            return met or (armed and self.latched)

        self.wait(done, timeout)
        if not met:
            control = self.log.control
            state = f'{control.mode.name}: {control.reason}' if control else 'silent'
            raise FaultCellError(f'{failure} within {timeout:.0f} s; the gate is {state}')

    @property
    def latched(self) -> bool:
        """Whether the gate is latched, or never published."""
        return self.log.control is None or self.log.control.latched

    def wait(self, condition: Callable[[], Any], timeout: float) -> bool:
        """Wait for a condition; returns whether it was met within `timeout` [s]."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_PERIOD)
        return True

    def kill(self, process: str) -> None:
        """Send SIGKILL."""
        os.kill(self._cell.pids()[process], signal.SIGKILL)

    def freeze(self, process: str) -> None:
        """Send SIGSTOP."""
        os.kill(self._cell.pids()[process], signal.SIGSTOP)
        self._frozen.add(process)

    def resume(self, process: str) -> None:
        """Send SIGCONT."""
        os.kill(self._cell.pids()[process], signal.SIGCONT)
        self._frozen.discard(process)

    def _resume_all(self) -> None:
        for process in list(self._frozen):
            self.resume(process)

    def restart(self) -> None:
        """Restart killed processes."""
        self._cell.check()

    def replace(self, process: str) -> None:
        """Kill a process and start it again at once."""
        before = self._cell.pids()[process]
        self.kill(process)

        def replaced() -> bool:
            self.restart()
            return self._cell.pids()[process] != before

        self.until(replaced, TIMEOUT, f'{process} was not restarted')

    def wait_for(self, process: str) -> None:
        """Wait for a message of a process."""
        now = time.time_ns()
        self.until(
            lambda: self.log.last_arrival[process] > now, START_TIMEOUT, f'{process} is silent'
        )

    def drive(self, held: bool) -> None:
        """Drive through the middle of the workspace with the dead-man held, or release it."""
        positions, twist = self.log.positions, np.zeros(6)
        if held:
            twist[1] = -math.copysign(SPEED, positions[-1].position[1])
        self.hand.drive(twist, held)

    def call(self, service: Service, request: Any) -> Any:
        """Call an idempotent service, again until it answers: DDS may lose an answer."""
        client, futures, last = self._clients[service.name], [], -math.inf

        def answered() -> bool:
            nonlocal last
            if client.service_is_ready() and time.monotonic() > last + RETRY_PERIOD:
                futures.append(client.call_async(request))
                last = time.monotonic()
            return any(future.done() for future in futures)

        self.until(answered, TIMEOUT, f'{service.name} was not answered')
        return next(future.result() for future in futures if future.done())

    def rearm(self) -> str:
        """Touch the device, which must be seen to be there, and rearm; returns the refusal."""
        self.hand.do(TOUCH)
        return self.call(topics.REARM, topics.REARM.type.Request()).message

    def add_publisher(self, topic: str, kind: Any) -> Callable[[], object]:
        """Add a second, silent publisher on a topic; returns the function that removes it."""
        node = self.log.node
        publisher = node.create_publisher(kind, topic, 1)
        return lambda: node.destroy_publisher(publisher)

    def set_safety_input(self, device: str, state: int) -> None:
        """Set what the enabling switch, 1: held, or the zone reports."""
        self._safety_inputs[device].publish(UInt8(data=state))

    def stop(self) -> None:
        """Call the service stop without waiting for its answer."""
        self._clients[topics.STOP.name].call_async(topics.STOP.type.Request())

    def prepare(self, source: Mode) -> None:
        """Rearm and start an episode in which the policy, or the operator, moves the arm."""
        for _ in range(ATTEMPTS):
            try:
                return self._prepare(source)
            except FaultCellError:
                control = self.log.control
                if control is None or not control.latched:
                    raise
                self.alarms.append(control.reason)
        raise FaultCellError(f'the gate latches by itself: {self.alarms[-1]}')

    def _prepare(self, source: Mode) -> None:
        self.drive(False)
        self.set_safety_input('enable', 0)  # one that was silent must be pressed anew
        self.until(lambda: not self.rearm(), DISCOVERY_TIMEOUT, 'the gate is not rearmed')
        release = INTERVENE(request=INTERVENE.RELEASE, source='the bench')

        def released() -> bool:
            return self.call(topics.INTERVENE, release).accepted

        self.until(lambda: not self.latched, TIMEOUT, 'the gate says it is latched')
        self.until(released, TIMEOUT, 'the arm is not released', armed=True)
        self.set_safety_input('enable', 1)
        self.until(self._episode_runs, TIMEOUT, 'no episode runs', armed=True)
        self.until(self.log.episode_readings, TIMEOUT, 'the reward model is silent', armed=True)
        if source is Mode.HUMAN:
            self.until(lambda: self._is(Mode.POLICY), TIMEOUT, 'the policy is still', armed=True)
            self.drive(True)
        failure = f'{source.name} does not move the arm'
        self.until(lambda: self.moves(source), TIMEOUT, failure, armed=True)

    def _episode_runs(self) -> bool:
        if self.log.episode.phase is Phase.RUNNING:
            return True
        try:
            self.log.start_episode('circle', TIMEOUT, lambda: None)
        except EpisodeRequestError:  # the episode manager may not have heard of the rearming yet
            time.sleep(0.1)
        return self.log.episode.phase is Phase.RUNNING

    def _is(self, mode: Mode) -> bool:
        control = self.log.control
        return control is not None and control.mode is mode

    def moves(self, source: Mode) -> bool:
        """Whether the arm moves, and in the last 0.6 s by this source alone."""
        recent = self.log.control_since(time.time_ns() - round(RECENT * SECOND))
        alone = bool(recent) and all(control.mode is source for control in recent)
        return alone and self.log.speed(RECENT) > SPEED / 2


def _discard(title: str, line: str) -> None:
    """Discard the output of processes."""
