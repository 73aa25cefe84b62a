"""Teleoperation: what a person does at a device becomes wishes for the gate and calls of services.

A reading is passed on the moment it comes. When the device dies with its dead-man held, nothing is
published any more, so that the gate latches; a released dead-man is said.
"""

import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Bool

from robo_dopamine_ros.nodes.devices import DEVICES, Ears, TeleopParameters
from robo_dopamine_ros.nodes.presses import Presses
from robo_dopamine_ros.ros.convert import action_to_msg, arm_state_from_msg, control_from_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.topics import ARM_STATE, CONTROL, STOP_LOCK, TELEOP_COMMAND
from robo_dopamine_ros.teleop.pilot import Pilot, Seen
from robo_dopamine_ros.teleop.reading import BadReadingError, Reading
from robo_dopamine_ros.types import Action, Control, Mode, Pose

TICK = 0.025  # [s] between looks at what needs no message: keys, stillness, death
LEAST = 0.008  # [s] between two wishes, unless a button changed
BEAT = 0.1  # [s] between two beats of the stop lock
FRESH = 0.2  # [s] a pose of the tool counts
SILENT = 1.0  # [s] without a word of the gate, until it counts as silent


class Teleop(Node):
    """Wires a device, the pilot who reads it, and the services of its buttons."""

    def __init__(self, say: Callable[[str], object] | None = None) -> None:
        """`say` tells the person something; by default the log does."""
        super().__init__('teleop')
        self._p = p = declare(self, TeleopParameters)
        self._say = say or self.get_logger().info
        self._device = DEVICES[p.device](p)
        self._pilot = Pilot(p.motion, self._device.silence)
        self._presses = Presses(self, p.person, self._say)
        self._control: Control | None = None  # the gate's newest word, and when it was heard [s]
        self._controlled = 0.0
        self._tool: tuple[Pose, float] | None = None  # and when it was heard [s]
        self._told = 0.0  # when a wish was published last [s]
        self._wish: Action | None = None  # that wish
        self._refused, self._fault = 0, ''  # readings that could not be, and the newest one's fault
        self._wishes = self._out(TELEOP_COMMAND)
        self.create_subscription(CONTROL.type, CONTROL.name, self._on_control, CONTROL.qos)
        if p.motion.frame == 'tool':
            self.create_subscription(ARM_STATE.type, ARM_STATE.name, self._on_arm, ARM_STATE.qos)
        self._diagnostics = Diagnostics(self, self._health)
        self._ears = Ears(self, self._device, self._heard)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(TICK, self._tick, clock=steady)
        if p.stop_lock:
            lock = self._out(STOP_LOCK)
            self.create_timer(BEAT, lambda: lock.publish(self._locked()), clock=steady)

    def _heard(self, topic: str, value: Any) -> None:
        now = time.monotonic()
        try:
            self._take(self._device.hear(topic, value, now), now)
        except BadReadingError as error:
            self._refused += 1
            if str(error) != self._fault:
                self._fault = str(error)
                self._say(f'refused: {error}')

    def _take(self, reading: Reading, now: float) -> None:
        changed = reading.pressed or reading.held != self._pilot.held
        if not changed and now - self._told < LEAST:
            return
        for press in reading.pressed:
            self._presses.press(press)
        stamp = self.get_clock().now().nanoseconds
        wish = self._pilot.hear(reading, self._seen(now), stamp, now)
        if wish is None:
            return
        if reading.held and wish.reason and (not self._wish or wish.reason != self._wish.reason):
            self._say(wish.reason)
        self._wishes.publish(action_to_msg(wish, self._p.base_frame))
        self._told, self._wish = now, wish

    def _seen(self, now: float) -> Seen:
        fresh = self._tool is not None and now - self._tool[1] <= FRESH
        gate = self._control if now - self._controlled < SILENT else None
        orientation = self._tool[0].orientation if self._tool and fresh else None
        return Seen(orientation, gate.sent.gripper if gate else None)

    def _tick(self) -> None:
        self._ears.poll()
        now = time.monotonic()
        lost = self._ears.deserted() if math.isinf(self._device.silence) else ''
        if self._pilot.check(now, lost):
            self._say(f'{self._p.device} is dead: {self._pilot.dead}')
            self._diagnostics.publish()
        elif not lost and (reading := self._device.look(now)):
            self._take(reading, now)
        self._presses.check()

    def _on_control(self, message: Any) -> None:
        now, before = control_from_msg(message), self._control
        ignored = self._wish and self._wish.valid and now.mode is not Mode.HUMAN
        news = before is None or (now.mode, now.latched) != (before.mode, before.latched)
        if news or (ignored and before and now.reason != before.reason):
            self._say(f'{now.mode.name}{": " if now.reason else ""}{now.reason}')
        self._control, self._controlled = now, time.monotonic()

    def _on_arm(self, message: Any) -> None:
        self._tool = arm_state_from_msg(message).pose, time.monotonic()

    def _health(self) -> Sequence[Health]:
        pilot, values = self._pilot, {'device': self._p.device, 'refused': self._refused}
        values |= {'pace': pilot.factor, 'refusal': self._fault}
        level, word = Level.OK, (self._wish.reason if self._wish else '') or 'dead-man held'
        if pilot.dead:
            level, word = (Level.ERROR if pilot.held else Level.WARN), pilot.dead
        elif not pilot.alive:
            level, word = Level.WARN, self._ears.deserted() or 'nothing heard yet'
        return [Health('teleop', level, f'{self._p.device}: {word}', values)]

    def _locked(self) -> Bool:
        return Bool(data=not self._pilot.alive)

    def _out(self, topic: Any) -> Any:
        return self.create_publisher(topic.type, topic.name, topic.qos)

    def describe(self) -> str:
        """What a person at the device wants to see: who is in charge, why, and the pace."""
        gate = self._control if time.monotonic() - self._controlled < SILENT else None
        who = f'{gate.mode.name:7} {gate.reason}' if gate else 'the gate is silent'
        return f'{who:48} pace {100 * self._pilot.factor:3.0f} %  {self._health()[0].message}'

    def close(self) -> None:
        """Give the terminal back."""
        self._ears.close()


def main() -> int:
    """Run the node."""
    return run(Teleop)


if __name__ == '__main__':
    sys.exit(main())
