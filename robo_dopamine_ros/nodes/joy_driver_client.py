"""Asks the publisher of `joy` what it is, and translates its messages to the standard order."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rcl_interfaces.msg import Log
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.node import Node
from sensor_msgs.msg import Joy

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros.publishers import UNKNOWN, node_name
from robo_dopamine_ros.ros.topics import transient_local
from robo_dopamine_ros.teleop.device import InvalidReadingError
from robo_dopamine_ros.teleop.joy_driver import JoyDriver, choose_layout
from robo_dopamine_ros.teleop.layouts import JoyState, known_layout

LOOK_PERIOD = 0.25  # [s] between two looks at the publishers
NO_SERVICES = 2.0  # [s] after which a node without parameter services counts as no driver
OPENED = re.compile(r'Opened (?:joystick|game controller): (?:/\S+ \()?(.+?)\)?[.,] +deadzone')
PARAMETERS = ('autorepeat_rate', 'sticky_buttons', 'device_name')


class DriverQuestion:
    """The question to one publisher, repeated until it is answered."""

    def __init__(self, node: Node, name: str):
        """`name` is the full name of the publisher's node."""
        self.driver: JoyDriver | None = None  # the answer
        self._node, self._name, self._began = node, name, steady_time()
        self._listing = node.create_client(ListParameters, f'{name}/list_parameters')
        self._values = node.create_client(GetParameters, f'{name}/get_parameters')

    def ask(self) -> None:
        """Ask which of the parameters of a gamepad's driver it has, and their values."""
        if self._listing.service_is_ready() and self._values.service_is_ready():
            request = ListParameters.Request(prefixes=list(PARAMETERS))
            self._listing.call_async(request).add_done_callback(self._on_names)
        elif steady_time() - self._began > NO_SERVICES:
            self.driver = JoyDriver(self._name)

    def close(self) -> None:
        """Destroy the clients."""
        self._node.destroy_client(self._listing)
        self._node.destroy_client(self._values)

    def _on_names(self, future: Any) -> None:
        if names := [name for name in PARAMETERS if name in future.result().result.names]:
            done = self._values.call_async(GetParameters.Request(names=names))
            done.add_done_callback(lambda answer: self._on_values(names, answer))
        else:
            self.driver = JoyDriver(self._name)

    def _on_values(self, names: list[str], future: Any) -> None:
        values = dict(zip(names, future.result().values, strict=False))
        rate = values.get('autorepeat_rate')
        sticky, device = values.get('sticky_buttons'), values.get('device_name')
        self.driver = JoyDriver(
            self._name,
            device.string_value if device else '',
            rate.double_value if rate else None,
            bool(sticky and sticky.bool_value),
        )


class JoyDriverClient:
    """Knows the driver of a Joy topic, and gives its states in the standard order."""

    def __init__(self, node: Node, topic: str, layout: str, custom: bool, timeout: float):
        """`layout` and `custom` are those of `choose_layout`; `timeout` [s] is the device's."""
        self._waiting = ''  # for whose parameters
        self._fault = ''  # why the newest state does not count
        self._node, self._topic = node, topic
        self._choice, self._timeout = (layout, custom), timeout
        self._questions: dict[tuple[str, bytes], DriverQuestion] = {}  # by node and its publisher
        self._looked_at = -LOOK_PERIOD
        self._layout: str | None = None  # chosen for the present publisher
        self._devices: dict[str, str] = {}  # name of the gamepad that a node opened, by the node
        node.create_subscription(Log, '/rosout', self._on_log, transient_local(100))

    @property
    def layout(self) -> str:
        """Name of the order that is used; empty: none yet."""
        return self._layout or ''

    @property
    def reason(self) -> str:
        """Why no state counts; empty: they count, or nobody publishes."""
        return self._waiting or self._fault

    def poll(self) -> None:
        """Look for new publishers, and ask those that have not answered."""
        if steady_time() - self._looked_at < LOOK_PERIOD:
            return
        self._looked_at = steady_time()
        self._look()
        waiting = {key[0]: one for key, one in self._questions.items() if one.driver is None}
        for question in waiting.values():
            question.ask()
        names = ', '.join(sorted(waiting))
        self._waiting = f'waiting for the parameters of {names}' if waiting else ''

    def listen(self, on_state: Callable[[JoyState], object]) -> None:
        """Subscribe to the topic, and pass on every state as the driver sends it."""

        def pass_on(message: Any) -> None:
            on_state(JoyState(tuple(message.axes), tuple(message.buttons)))

        self._node.create_subscription(Joy, self._topic, pass_on, 10)

    def translate(self, state: JoyState) -> JoyState | None:
        """Return the state in the standard order; None while the driver is not known.

        Raises InvalidReadingError for a driver whose messages cannot be used.
        """
        drivers = [question.driver for question in self._questions.values()]
        if not drivers or None in drivers:
            return None
        try:
            self._layout = self._layout or self._choose({d.node: d for d in drivers if d}, state)
            self._fault = ''
        except InvalidReadingError as error:
            self._fault = str(error)
            raise
        layout = known_layout(self._layout)
        return layout.to_standard(self._topic, state) if layout else state

    def _choose(self, drivers: dict[str, JoyDriver], state: JoyState) -> str:
        if len(drivers) > 1:
            nodes = ' and '.join(sorted(drivers))
            raise InvalidReadingError(
                f'{self._topic}: published by {nodes}; it must be one of them'
            )
        driver = next(iter(drivers.values()))
        driver = replace(driver, device=self._devices.get(driver.node, driver.device))
        if fault := driver.fault(self._timeout):
            raise InvalidReadingError(f'{self._topic}: {fault}')
        return choose_layout(*self._choice, driver, state)

    def _look(self) -> None:
        """Forget publishers that left, and begin to ask new ones."""
        name = self._node.resolve_topic_name(self._topic)
        found = {
            (node_name(info), bytes(info.endpoint_gid))
            for info in self._node.get_publishers_info_by_topic(name)
            if info.node_name != UNKNOWN
        }
        if found != self._questions.keys():
            self._layout = None
        for key in self._questions.keys() - found:
            self._questions.pop(key).close()
        for key in found - self._questions.keys():
            self._questions[key] = DriverQuestion(self._node, key[0])

    def _on_log(self, message: Any) -> None:
        if found := OPENED.search(message.msg):
            self._devices['/' + message.name.replace('.', '/')] = found.group(1)
            self._layout = None
