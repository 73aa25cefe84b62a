"""A driver of gamepads: joy_node or game_controller_node, with the parameters of either."""

from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy

from robo_dopamine_ros.teleop.joy import TOPIC

TREMOR = 0.01  # of a stick in a hand, within its dead zone
REPEATED = 4  # times, before the hand moves again


class FakeJoyDriver:
    """Publishes its state when it changes, and repeats it at `autorepeat_rate`.

    A gamepad in a hand changes a little all the time; one that lies on a table does not.
    """

    def __init__(
        self,
        bench: Any,
        node: str,
        axes: list[float],
        buttons: int,
        autorepeat_rate: float = 20.0,
        repeats: bool = True,
    ):
        """`repeats` false: the parameter has no effect, as for some gamepads."""
        self.node = Node(node, context=bench.context)
        bench.executor.add_node(self.node)
        self.node.declare_parameter('autorepeat_rate', autorepeat_rate)
        self.node.declare_parameter('sticky_buttons', False)
        self.node.declare_parameter('device_name', '')
        self.axes, self.buttons = list(axes), [0] * buttons
        self.in_hand = False
        self._count = 0
        self._joy = self.node.create_publisher(Joy, TOPIC, 10)
        if autorepeat_rate > 0 and repeats:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self.node.create_timer(1 / autorepeat_rate, self._repeat, clock=steady)

    def open_device(self, name: str) -> None:
        """Log the name of the gamepad, as the drivers do."""
        self.node.get_logger().info(f'Opened joystick: {name}.  deadzone: 0.050000')

    def press(self, *down: int, **axes: float) -> None:
        """Hold these buttons alone, and move axes: `press(9, a1=1.0)`."""
        self.buttons = [int(index in down) for index in range(len(self.buttons))]
        for name, value in axes.items():
            self.axes[int(name[1:])] = value
        self.publish()

    def publish(self) -> None:
        """Publish the state."""
        axes = list(self.axes)
        if self.in_hand:
            axes[0] += TREMOR * (self._count // REPEATED % 2)
        self._joy.publish(Joy(axes=axes, buttons=self.buttons))

    def _repeat(self) -> None:
        self._count += 1
        self.publish()
