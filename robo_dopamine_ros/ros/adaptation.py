"""The action `adapt_reward`: training runs in a process of its own, progress is its feedback."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node
from rclpy.task import Future

from robo_dopamine_ros.ros.topics import ADAPT_REWARD

LAST_WORDS = 400  # characters of the process's errors that become the reason of a failure

# demonstration, model folder to write, seed -> command whose stdout is one JSON object a line
Command = Callable[[Path, Path, int], Sequence[str]]


class Adaptation:
    """Serves `adapt_reward`, one training at a time.

    `done` gets the folder of the new model, in the thread of the training; what it raises is the
    reason of a failure.
    """

    def __init__(
        self,
        node: Node,
        command: Command,
        model: Callable[[], Path],
        done: Callable[[Path], None],
    ):
        """`model` names the present model; new ones go beside it unless the goal says where."""
        self._command = command
        self._model = model
        self._done = done
        self._process: subprocess.Popen[str] | None = None
        self._busy = False
        self._node = node
        self.server = ActionServer(
            node,
            ADAPT_REWARD.type,
            ADAPT_REWARD.name,
            execute_callback=self._execute,
            goal_callback=self._consider,
            cancel_callback=self._cancel,
        )

    def close(self) -> None:
        """Stop a training that runs, and serving."""
        self._stop()
        self.server.destroy()

    def _consider(self, _: Any) -> GoalResponse:
        accepted, self._busy = not self._busy, True
        return GoalResponse.ACCEPT if accepted else GoalResponse.REJECT

    def _cancel(self, _: Any) -> CancelResponse:
        self._stop()
        return CancelResponse.ACCEPT

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    async def _execute(self, goal: Any) -> Any:
        demonstration = Path(goal.request.demonstration)
        beside = self._model()
        model = Path(goal.request.model or beside.with_name(f'{beside.name}-{demonstration.name}'))
        finished: Future = Future(executor=self._node.executor)
        threading.Thread(
            target=self._train, args=(goal, demonstration, model, finished), daemon=True
        ).start()
        try:
            result = await finished
        finally:
            self._busy = False
        if result.succeeded:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return result

    def _train(self, goal: Any, demonstration: Path, model: Path, finished: Future) -> None:
        began = time.monotonic()
        try:
            reason = self._follow(goal, self._command(demonstration, model, goal.request.seed))
            if not reason:
                self._done(model)
        except Exception as error:  # the action must be answered whatever happens here
            reason = str(error)
        finished.set_result(
            ADAPT_REWARD.type.Result(
                succeeded=not reason,
                reason=reason,
                model=str(model),
                seconds=time.monotonic() - began,
            )
        )

    def _follow(self, goal: Any, command: Sequence[str]) -> str:
        """Run the training and pass its progress on; gives the reason when it failed."""
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ, PYTHONUNBUFFERED='1'),
        ) as self._process:
            errors: list[str] = []
            assert self._process.stdout is not None
            assert self._process.stderr is not None
            reader = threading.Thread(target=lambda e=self._process.stderr: errors.extend(e))
            reader.start()
            for line in self._process.stdout:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    goal.publish_feedback(_feedback(json.loads(line)))
            code = self._process.wait()
            reader.join()
        if goal.is_cancel_requested:
            return 'cancelled'
        return f'exit code {code}: {"".join(errors).strip()[-LAST_WORDS:]}' if code else ''


def training(demonstration: Path, model: Path, seed: int) -> list[str]:
    """Give the command that trains; it yields to everything else on the machine."""
    verb = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'adapt', str(demonstration)]
    return ['nice', *verb, '--out', str(model), '--seed', str(seed), '--progress-json']


def _feedback(told: dict[str, Any]) -> Any:
    return ADAPT_REWARD.type.Feedback(
        fraction=float(told['fraction']),
        stage=str(told['stage']),
        loss=float(told.get('loss', float('nan'))),
    )
