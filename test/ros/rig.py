"""A fake driver as a process, and the arm bound to a node of the test."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from processes import Child

from robo_dopamine_ros.arms.choose import make
from robo_dopamine_ros.arms.parameters import ArmParameters
from robo_dopamine_ros.ros.driver import Driver
from robo_dopamine_ros.types import ArmState, Pose

DRIVERS = Path(__file__).parents[1] / 'drivers'
PATIENCE = 20.0  # [s]
SILENCE = 0.5  # after which a fake counts as lost, on a machine that has much else to do [s]


class Rig:
    """Started with a fake of `drivers/` and its arguments; to be closed."""

    def __init__(self, bench: Any, parameters: ArmParameters, fake: str, *arguments: str) -> None:
        self.fake = Child([str(DRIVERS / fake), *arguments])
        self.node, self.executor = bench.node, bench.executor
        self.arm = make(parameters, SILENCE)
        self.driver = Driver(bench.node, self.arm)

    def close(self) -> None:
        self.fake.kill()

    def until(self, condition: Callable[[], object], each: Callable[[], object] = int) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f'not in time; {self.state()}'
            each()
            self.executor.spin_once(timeout_sec=0.02)

    def state(self) -> ArmState | str:
        return self.driver.state(time.monotonic())

    @property
    def alive(self) -> bool:
        return isinstance(self.state(), ArmState)

    @property
    def measured(self) -> ArmState:
        state = self.state()
        assert isinstance(state, ArmState), state
        return state

    @property
    def place(self) -> np.ndarray:
        state = self.state()
        return state.pose.position if isinstance(state, ArmState) else np.full(3, np.nan)

    def raised(self, way: float) -> Pose:
        """Give the pose that lies `way` [m] above the tool."""
        pose = self.measured.pose
        return Pose(pose.position + [0, 0, way], pose.orientation)

    def perform(self, script: Any) -> tuple[str, list[str]]:
        task = self.executor.create_task(self.driver.perform(script))
        self.until(task.done)
        return task.result()
