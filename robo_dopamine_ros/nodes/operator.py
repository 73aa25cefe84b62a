"""The simulated person: sees the board, the tool and the force on it, and moves a gamepad.

For simulation only. Everything goes through `joy`, so what it shows holds for people as well.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy
from std_srvs.srv import SetBool

from robo_dopamine_ros.nodes.eyes import Eyes
from robo_dopamine_ros.ros.convert import control_from_msg, episode_from_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.topics import CONTROL, EPISODE
from robo_dopamine_ros.sim.operator import Hand, Operator
from robo_dopamine_ros.sim.person import Person
from robo_dopamine_ros.sim.plans import STYLES, plan
from robo_dopamine_ros.sim.standby import Standby, StandbyParameters
from robo_dopamine_ros.teleop.joy import TOPIC, JoyMap, practised
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.types import Mode, Phase

BEGINS = ('board', 'episode', 'stalled', 'asked')


@dataclass(frozen=True)
class OperatorParameters:
    """When the person sets out, how well, and with which gamepad."""

    begin: str = 'episode'  # it sets out: episode, stalled, board, asked; see docs/teleop.md
    style: str = 'demonstration'  # of the plans: demonstration, recovery, partial, near_miss, ...
    judges: bool = False  # press success or failure at the end
    standby: StandbyParameters = field(default_factory=StandbyParameters)  # begin: stalled
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
        if self.judges and self.begin == 'stalled':
            raise ValueError('judges = True, begin = stalled; who only steps in must not judge')
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
        self._standby = Standby(self._person, self._p.standby)
        self._eyes = Eyes(self, self._p.reach, self._on_board)
        self._free = self._mine = False  # whether the gate would listen, and whether it does
        self._episode = ''
        for topic, hear in ((EPISODE, self._on_episode), (CONTROL, self._on_control)):
            self.create_subscription(topic.type, topic.name, hear, topic.qos)
        self._joy = self.create_publisher(Joy, TOPIC, 10)
        self.create_service(SetBool, '~/drive', self._on_drive)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1 / self._p.rate, self._tick, clock=steady)
        Diagnostics(self, self._health)

    def _hire(self) -> Operator:
        return Operator(plan(self._p.style, self._rng), self._rng, Hand(noise=self._p.noise))

    def _on_board(self) -> None:
        if self._p.begin == 'board':
            self._person.begin()

    def _on_episode(self, message: Any) -> None:
        episode = episode_from_msg(message)
        running, now = episode.phase is Phase.RUNNING, time.monotonic()
        if running and episode.id != self._episode:
            if self._p.begin == 'episode':
                self._person.begin()
            elif self._p.begin == 'stalled':
                self._standby.begin(episode.index, now)
        elif episode.id == self._episode and not running:
            if self._standby.present:
                self.get_logger().info(f'{episode.id}: stepped in {self._standby.times} times')
            self._standby.finish(now)
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
        sight, now = self._eyes.sight, time.monotonic()
        self._standby.update(sight, self._mine, now)
        doing = self._person.update(now, sight, self._free, self._mine)
        panel = practised(self._p.joy, self._p.pace, doing.twist, doing.down)
        message = Joy(axes=list(panel.axes), buttons=list(panel.buttons))
        message.header.stamp = self.get_clock().now().to_msg()
        self._joy.publish(message)

    def _health(self) -> Sequence[Health]:
        values = {'stands by': self._standby.present, 'stepped in': self._standby.total}
        return [Health('operator', message=self._person.stage.value, values=values)]


def main() -> int:
    """Run the node."""
    return run(SimulatedPerson)


if __name__ == '__main__':
    sys.exit(main())
