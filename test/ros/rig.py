"""A fake driver as a process, and the arm connected to a node of the test."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from processes import Child

from robo_dopamine_ros.arms.config import ArmConfig, make_arm
from robo_dopamine_ros.ros.arm_bridge import ArmBridge
from robo_dopamine_ros.types import ArmState, Pose

DRIVERS = Path(__file__).parents[1] / 'drivers'
TIMEOUT = 20.0  # of a condition [s]
ARM_TIMEOUT = 0.5  # after which a fake counts as lost, on a loaded machine [s]


class Rig:
    """A fake of `drivers/`, started with arguments, and its arm; to be closed."""

    def __init__(self, bench: Any, config: ArmConfig, fake: str, *arguments: str) -> None:
        self.fake = Child([str(DRIVERS / fake), *arguments])
        self.node, self.executor = bench.node, bench.executor
        self.arm = make_arm(config, ARM_TIMEOUT)
        self.bridge = ArmBridge(bench.node, self.arm)

    def close(self) -> None:
        self.fake.kill()

    def until(self, condition: Callable[[], object], each: Callable[[], object] = int) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, f'not in time; {self.state()}'
            each()
            self.executor.spin_once(timeout_sec=0.02)

    def state(self) -> ArmState | str:
        return self.bridge.state(time.monotonic())

    @property
    def alive(self) -> bool:
        return isinstance(self.state(), ArmState)

    @property
    def measured(self) -> ArmState:
        state = self.state()
        assert isinstance(state, ArmState), state
        return state

    @property
    def position(self) -> np.ndarray:
        state = self.state()
        return state.pose.position if isinstance(state, ArmState) else np.full(3, np.nan)

    def raised(self, height: float) -> Pose:
        """Return the pose that lies `height` [m] above the tool."""
        pose = self.measured.pose
        return Pose(pose.position + [0, 0, height], pose.orientation)

    def run(self, sequence: Any) -> tuple[str, list[str]]:
        task = self.executor.create_task(self.bridge.run_sequence(sequence))
        self.until(task.done)
        return task.result()
