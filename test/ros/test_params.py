"""Parameters come from dataclasses, and only from there."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from robo_dopamine_ros.nodes.cell_config import NODES, parameters_class
from robo_dopamine_ros.ros.params import ParameterError, declare, flatten


@dataclass(frozen=True)
class Inner:
    """Part of it."""

    share: float = 0.5  # of the whole, 0..1

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f'share = {self.share}; it must be within 0..1')


@dataclass(frozen=True)
class Outer:
    """All of it."""

    rate: float = field(default=10.0, metadata={'range': (1.0, 50.0)})  # how often [Hz]
    count: int = field(default=3, metadata={'range': (1, 5)})  # how many
    names: tuple[str, ...] = ('a', 'b')  # what they are called
    others: tuple[str, ...] = ()  # what else is called so
    on: bool = True
    inner: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class Wrong:
    """What ROS has no type for."""

    what: dict = field(default_factory=dict)


def declared(domain: int, *overrides: str, parameters: type = Outer) -> tuple[Node, Any]:
    context = rclpy.Context()
    arguments = [word for override in overrides for word in ('-p', override)]
    rclpy.init(args=['--ros-args', *arguments], context=context)
    try:
        node = rclpy.create_node('n', context=context)
        return node, declare(node, parameters)
    finally:
        context.try_shutdown()


def test_defaults_fill_the_dataclass(domain: int) -> None:
    assert declared(domain)[1] == Outer()


def test_overrides_reach_nested_fields(domain: int) -> None:
    _, got = declared(domain, 'rate:=20.0', 'names:=[c]', 'on:=false', 'inner.share:=0.25')
    assert got == Outer(rate=20.0, names=('c',), on=False, inner=Inner(0.25))


def test_lists_may_be_empty_and_filled(domain: int) -> None:
    node, got = declared(domain)
    assert got.others == ()
    assert node.describe_parameter('others').type == Parameter.Type.STRING_ARRAY.value
    assert declared(domain, 'others:=[c, d]')[1].others == ('c', 'd')
    assert declared(domain, 'others:=[]', 'names:=[]')[1] == Outer(names=())


def test_ros_knows_type_description_and_range(domain: int) -> None:
    node, _ = declared(domain)
    rate, count = node.describe_parameter('rate'), node.describe_parameter('count')
    assert rate.description == 'how often [Hz]'
    assert rate.read_only
    assert rate.type == Parameter.Type.DOUBLE.value
    assert (rate.floating_point_range[0].from_value, rate.floating_point_range[0].to_value) == (
        1,
        50,
    )
    assert (count.integer_range[0].from_value, count.integer_range[0].to_value) == (1, 5)
    assert node.describe_parameter('inner.share').description == 'of the whole, 0..1'


@pytest.mark.parametrize(
    ('override', 'text'),
    [
        (
            'rat:=3.0',
            'no such parameter: rat; there are count, inner.share, names, on, others, rate',
        ),
        ('rate:=10', "parameter rate: .*of type 'INTEGER', expecting type 'DOUBLE'"),
        ('rate:=0.5', 'parameter rate: .*out of range Min: 1.0, Max: 50.0'),
        ('inner.share:=1.5', r'inner: share = 1.5; it must be within 0\.\.1'),
    ],
)
def test_what_cannot_be_is_refused_by_name(domain: int, override: str, text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        declared(domain, override)


@dataclass(frozen=True)
class Limits:
    """With the name that `turning` has now."""

    angular_speed: float = 1.0  # [rad/s]


@dataclass(frozen=True)
class Limited:
    """A node with limits."""

    limits: Limits = field(default_factory=Limits)


def test_a_retired_name_is_refused_with_the_new_one(domain: int) -> None:
    with pytest.raises(ParameterError, match=r'^limits.turning is now limits.angular_speed$'):
        declared(domain, 'limits.turning:=2.0', parameters=Limited)


def test_fields_that_ros_cannot_hold_are_refused() -> None:
    with pytest.raises(TypeError, match='Wrong.what: .*dict.* cannot be a ROS parameter'):
        flatten(Wrong)


@pytest.mark.parametrize('node', NODES)
def test_every_parameter_of_a_node_says_what_it_means(node: str) -> None:
    unsaid = [key for key, leaf in flatten(parameters_class(node)).items() if not leaf.description]
    assert not unsaid
