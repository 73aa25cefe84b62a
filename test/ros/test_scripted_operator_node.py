"""Interventions over real nodes: a policy that stalls, control taken over and handed back."""

import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from processes import Watcher, running_nodes

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.types import ArmCommand, Control, Mode, Outcome, Phase

TIMEOUT = 30.0  # [s] ten times what it takes
PERIOD = 0.1  # of the policy [s]
WATCHDOGS = ('arm_timeout', 'human_timeout', 'policy_timeout', 'episode_timeout', 'tick_timeout')
CELL = {  # long watchdogs: a busy machine must not look like a fault
    'sim': ('width:=64', 'height:=48', 'camera_rate:=5.0', 'realtime.seed:=3'),
    'gate': (
        *('simulated:=true', 'armed:=true', 'stop_lock:=false', 'enable:=none'),
        'limits.allow_pose_jumps:=true',
        *(f'limits.{name}:=1.0' for name in WATCHDOGS),
    ),
    'teleop': ('device:=joy', 'joy.timeout:=1.0', 'person:=Ada'),
    'scripted_operator': ('trigger:=stalled', 'intervention.duration:=0.8', 'seed:=3'),
    'episode_manager': ('resets.strategy:=sim', 'episodes.time_limit:=0.0'),
}


@pytest.fixture
def cell(domain: int) -> Iterator[None]:
    with running_nodes(CELL):
        yield


def publish_still_policy(watcher: Watcher) -> None:
    """Publish the commands of a policy that does not move."""
    topic, node = topics.POLICY_COMMAND, watcher.node
    publisher = node.create_publisher(topic.type, topic.name, topic.qos)

    def act() -> None:
        command = ArmCommand(node.get_clock().now().nanoseconds, np.zeros(6), gripper=0.0)
        publisher.publish(to_msg(command, 'base'))

    node.create_timer(PERIOD, act)


def mode_changes(controls: Sequence[Control]) -> list[Mode]:
    """Modes of motion, every change once."""
    acting = [c.mode for c in controls if c.mode in (Mode.POLICY, Mode.HUMAN)]
    return [b for a, b in zip([None, *acting], acting, strict=False) if a is not b]


def test_a_stalled_task_is_taken_over_and_handed_back(cell: None, watcher: Watcher) -> None:
    controls: list[Control] = []
    watcher.subscribe(topics.CONTROL, from_msg, controls)
    publish_still_policy(watcher)
    watcher.until(lambda: bool(controls), 'the gate is silent')
    watcher.start_episode('insert the peg', TIMEOUT, lambda: None)
    deadline = time.monotonic() + TIMEOUT
    while mode_changes(controls)[:3] != [Mode.POLICY, Mode.HUMAN, Mode.POLICY]:
        assert time.monotonic() < deadline, f'{mode_changes(controls)}, {controls[-1]}'
        time.sleep(0.02)
    assert watcher.episode.phase is Phase.RUNNING, 'the operator ends no episode'
    assert not any(c.latched for c in controls), [c.reason for c in controls if c.latched][:1]
    sent = [c.sent.twist for c in controls if c.mode is Mode.HUMAN]
    assert max(np.linalg.norm(twist[:3]) for twist in sent) > 0.02, 'the operator did not drive'

    watcher.end_episode(Outcome.TIME_LIMIT, 'a clock', TIMEOUT, lambda: None)
    watcher.until(lambda: reported(watcher, 'monitoring') == 'False', 'still monitoring')
    assert int(reported(watcher, 'interventions')) >= 1


def reported(watcher: Watcher, value: str) -> str:
    """Return a value of the operator's diagnostics."""
    status = watcher.health.get('scripted_operator: scripted_operator')
    return next((v.value for v in status.values if v.key == value), '') if status else ''
