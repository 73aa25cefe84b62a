"""The action `adapt_reward`: training in a separate process, with its progress as feedback."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node
from rclpy.task import Future

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros.topics import ADAPT_REWARD

MAX_ERROR_CHARS = 400  # length of stderr in the reason of a failure

# demonstration, model folder to write, seed -> command whose stdout is one JSON object a line
AdaptCommand = Callable[[Path, Path, int], Sequence[str]]


class AdaptRewardServer:
    """Action server of `adapt_reward`; it runs one training at a time."""

    def __init__(
        self,
        node: Node,
        command: AdaptCommand,
        model: Path,
        on_adapted: Callable[[Path], None],
    ):
        """`model` is the present model; a new one is written beside it, or where the goal says.

        `on_adapted` gets the folder of the new model, in the thread of the training; the text of an
        exception it raises is the reason of the failure.
        """
        self._command = command
        self._model = model
        self._on_adapted = on_adapted
        self._process: subprocess.Popen[str] | None = None
        self._busy = False
        self._node = node
        self.server = ActionServer(
            node,
            ADAPT_REWARD.type,
            ADAPT_REWARD.name,
            execute_callback=self._execute,
            goal_callback=self._on_goal,
            cancel_callback=self._on_cancel,
        )

    def close(self) -> None:
        """Stop a running training and the action server."""
        self._stop()
        self.server.destroy()

    def _on_goal(self, _: Any) -> GoalResponse:
        accepted, self._busy = not self._busy, True
        return GoalResponse.ACCEPT if accepted else GoalResponse.REJECT

    def _on_cancel(self, _: Any) -> CancelResponse:
        self._stop()
        return CancelResponse.ACCEPT

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    async def _execute(self, goal: Any) -> Any:
        demonstration = Path(goal.request.demonstration)
        beside = self._model.with_name(f'{self._model.name}-{demonstration.name}')
        model = Path(goal.request.model or beside)
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
        began = steady_time()
        try:
            reason = self._run_process(goal, self._command(demonstration, model, goal.request.seed))
            if not reason:
                self._on_adapted(model)
        except Exception as error:  # the action must be answered whatever happens here
            reason = str(error)
        finished.set_result(
            ADAPT_REWARD.type.Result(
                succeeded=not reason,
                reason=reason,
                model=str(model),
                seconds=steady_time() - began,
            )
        )

    def _run_process(self, goal: Any, command: Sequence[str]) -> str:
        """Run the training and publish its progress; returns the reason of a failure, or ''."""
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
        return f'exit code {code}: {"".join(errors).strip()[-MAX_ERROR_CHARS:]}' if code else ''


def adapt_command(demonstration: Path, model: Path, seed: int) -> list[str]:
    """Command of the training, at low CPU priority."""
    verb = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'adapt', str(demonstration)]
    return ['nice', *verb, '--out', str(model), '--seed', str(seed), '--progress-json']


def _feedback(progress: dict[str, Any]) -> Any:
    return ADAPT_REWARD.type.Feedback(
        fraction=float(progress['fraction']),
        stage=str(progress['stage']),
        loss=float(progress.get('loss', float('nan'))),
    )
