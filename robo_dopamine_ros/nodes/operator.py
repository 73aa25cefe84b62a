"""The simulated person: sees the board, the tool and the force on it, and moves a gamepad.

For simulation only. Everything goes through `joy`, so what it shows holds for people as well.
"""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy
from std_srvs.srv import SetBool

from robo_dopamine_ros.arms.crisp import POSE, WRENCH
from robo_dopamine_ros.ros.convert import control_from_msg, episode_from_msg
from robo_dopamine_ros.ros.interfaces import interface
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.topics import CONTROL, EPISODE, SIM_BOARD, newest
from robo_dopamine_ros.ros.values import to_value
from robo_dopamine_ros.sim.operator import Hand, Operator, seen
from robo_dopamine_ros.sim.person import Person
from robo_dopamine_ros.sim.plans import STYLES, plan
from robo_dopamine_ros.teleop.joy import TOPIC, JoyMap, practised
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.types import Mode, Phase, Pose

BEGINS = ('board', 'episode', 'asked')


@dataclass(frozen=True)
class OperatorParameters:
    """When the person sets out, how well, and with which gamepad."""

    begin: str = 'episode'  # when an episode runs; board: at every new board; asked: ~/drive only
    style: str = 'demonstration'  # of the plans: demonstration, recovery, partial, near_miss, ...
    judges: bool = False  # press success or failure at the end
    seed: int = 0  # of plans and unsteadiness
    noise: float = 0.06  # standard deviation of each motion, as a share of full speed
    rate: float = 40.0  # messages of the gamepad a second [Hz]
    reach: float = 0.045  # the peg's tip beyond the tool [m]
    joy: JoyMap = field(default_factory=JoyMap)  # as the teleoperation node has it
    pace: Pace = field(default_factory=Pace)  # as the teleoperation node has it

    def __post_init__(self) -> None:
        for name, known in (('begin', BEGINS), ('style', STYLES)):
            if getattr(self, name) not in known:
                raise ValueError(f'{name} = {getattr(self, name)!r}; it must be {", ".join(known)}')
        if not 20 <= self.rate <= 100:
            raise ValueError(f'rate = {self.rate} Hz; it must lie in 20..100 Hz')
        if not (self.seed >= 0 and 0 <= self.noise <= 1 and 0 <= self.reach <= 1):
            text = f'seed = {self.seed}, noise = {self.noise}, reach = {self.reach} m'
            raise ValueError(f'{text}; they must be 0 or more, the last two at most 1')


class SimulatedPerson(Node):
    """Wires eyes and hands; `~/drive` true takes over wherever the arm is, false hands back."""

    def __init__(self) -> None:
        super().__init__('operator')
        self._p = declare(self, OperatorParameters)
        self._rng = np.random.default_rng(self._p.seed)
        self._person = Person(self._hire, self._p.judges)
        self._tool: Pose | None = None
        self._hole: Pose | None = None
        self._force = np.zeros(3)
        self._free = self._mine = False  # whether the gate would listen, and whether it does
        self._episode = ''
        for channel, hear in ((POSE, self._on_tool), (WRENCH, self._on_wrench)):
            self.create_subscription(interface(channel.type), channel.name, hear, newest(1))
        for topic, hear in (
            (SIM_BOARD, self._on_board),
            (EPISODE, self._on_episode),
            (CONTROL, self._on_control),
        ):
            self.create_subscription(topic.type, topic.name, hear, topic.qos)
        self._joy = self.create_publisher(Joy, TOPIC, 10)
        self.create_service(SetBool, '~/drive', self._on_drive)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1 / self._p.rate, self._tick, clock=steady)

    def _hire(self) -> Operator:
        return Operator(plan(self._p.style, self._rng), self._rng, Hand(noise=self._p.noise))

    def _on_tool(self, message: Any) -> None:
        self._tool = to_value(message)

    def _on_wrench(self, message: Any) -> None:
        self._force = to_value(message)[:3]

    def _on_board(self, message: Any) -> None:
        self._hole = to_value(message)
        if self._p.begin == 'board':
            self._person.begin()

    def _on_episode(self, message: Any) -> None:
        episode = episode_from_msg(message)
        running = episode.phase is Phase.RUNNING
        if self._p.begin == 'episode' and running and episode.id != self._episode:
            self._person.begin()
        elif episode.id == self._episode and not running:
            self._person.finish(time.monotonic())
        self._episode = episode.id if running else ''

    def _on_control(self, message: Any) -> None:
        control = control_from_msg(message)
        self._free, self._mine = not control.latched, control.mode is Mode.HUMAN

    def _on_drive(self, request: Any, response: Any) -> Any:
        if request.data:
            self._person.begin()
        else:
            self._person.finish(time.monotonic())
        response.success, response.message = True, self._person.stage.value
        return response

    def _tick(self) -> None:
        sight = None
        if self._tool is not None and self._hole is not None:
            sight = seen(self._tool, self._hole, self._force, self._p.reach)
        doing = self._person.update(time.monotonic(), sight, self._free, self._mine)
        panel = practised(self._p.joy, self._p.pace, doing.twist, doing.down)
        message = Joy(axes=list(panel.axes), buttons=list(panel.buttons))
        message.header.stamp = self.get_clock().now().to_msg()
        self._joy.publish(message)


def main() -> int:
    """Run the node."""
    return run(SimulatedPerson)


if __name__ == '__main__':
    sys.exit(main())
