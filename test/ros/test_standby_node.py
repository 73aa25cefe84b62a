"""One who stands by: real nodes, a policy that gets nowhere, and the arm taken and handed back."""

import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from processes import Child, Watcher

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import action_to_msg, control_from_msg
from robo_dopamine_ros.types import Action, Control, Mode, Outcome, Phase

LONGEST = 30.0  # [s] until it has happened, ten times what it takes
PERIOD = 0.1  # of the policy [s]
PATIENT = ('arm_timeout', 'human_timeout', 'policy_timeout', 'episode_timeout', 'stall')
CELL = {  # a machine that has much else to do must not look like a fault
    'sim': ('width:=64', 'height:=48', 'camera_rate:=5.0', 'conduct.seed:=3'),
    'gate': (
        *('armed:=true', 'stop_lock:=false', 'limits.jumps:=true'),
        *(f'limits.{name}:=1.0' for name in PATIENT),
    ),
    'teleop': ('device:=joy', 'joy.silence:=1.0', 'person:=Ada'),
    'operator': ('begin:=stalled', 'standby.burst:=0.8', 'seed:=3'),
    'conductor': ('resets.way:=sim', 'episodes.time_limit:=0.0'),
}


@pytest.fixture
def watcher(domain: int) -> Iterator[Watcher]:
    with Watcher() as watcher:
        yield watcher


@pytest.fixture
def cell(domain: int) -> Iterator[None]:
    children = [
        Child(['-m', f'robo_dopamine_ros.nodes.{node}'], *given) for node, given in CELL.items()
    ]
    yield
    for child in children:
        child.popen.kill()
        print(child.wait()[1])  # shown when the test fails


def get_nowhere(watcher: Watcher) -> None:
    """Be a policy that wants to stay where the arm is."""
    topic, node = topics.POLICY_COMMAND, watcher.node
    publisher = node.create_publisher(topic.type, topic.name, topic.qos)

    def act() -> None:
        wish = Action(node.get_clock().now().nanoseconds, np.zeros(6), gripper=0.0)
        publisher.publish(action_to_msg(wish, 'base'))

    node.create_timer(PERIOD, act)


def movers(controls: Sequence[Control]) -> list[Mode]:
    """Who acted, every change once."""
    acting = [c.mode for c in controls if c.mode in (Mode.POLICY, Mode.HUMAN)]
    return [b for a, b in zip([None, *acting], acting, strict=False) if a is not b]


def test_a_stalled_task_is_taken_over_and_handed_back(cell: None, watcher: Watcher) -> None:
    controls: list[Control] = []
    watcher.keep(topics.CONTROL, control_from_msg, controls)
    get_nowhere(watcher)
    watcher.until(lambda: bool(controls), 'the gate is silent')
    watcher.start_episode('insert the peg', LONGEST, lambda: None)
    deadline = time.monotonic() + LONGEST
    while movers(controls)[:3] != [Mode.POLICY, Mode.HUMAN, Mode.POLICY]:
        assert time.monotonic() < deadline, f'{movers(controls)}, {controls[-1]}'
        time.sleep(0.02)
    assert watcher.episode.phase is Phase.RUNNING, 'he never says how an episode ended'
    assert not any(c.latched for c in controls), [c.reason for c in controls if c.latched][:1]
    sent = [c.sent.twist for c in controls if c.mode is Mode.HUMAN]
    assert max(np.linalg.norm(twist[:3]) for twist in sent) > 0.02, 'he did not drive'

    watcher.end_episode(Outcome.TIME_LIMIT, 'a clock', LONGEST, lambda: None)
    watcher.until(lambda: told(watcher, 'stands by') == 'False', 'he still stands by')
    assert int(told(watcher, 'stepped in')) >= 1


def told(watcher: Watcher, value: str) -> str:
    """What the diagnostics of the operator say of a value."""
    status = watcher.health.get('operator: operator')
    return next((v.value for v in status.values if v.key == value), '') if status else ''
