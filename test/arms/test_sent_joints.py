"""Laws of the joints that are sent, behind the gate: speed, acceleration, tool and box.

Random commands of a person, from random postures, near singularities and joint limits, and with
or without the check of the whole arm; the arm follows without lag.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from cases import CONTROLLER
from descriptions import ARMS, Described

from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.arms.config import make_arm
from robo_dopamine_ros.arms.differential_ik import IkConfig
from robo_dopamine_ros.geometry import pose_difference
from robo_dopamine_ros.nodes.gate_parameters import GateParameters
from robo_dopamine_ros.safety.gate import Gate, GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import SECOND, ArmCommand, Mode

TICK, TICKS, RUNS = 0.02, 500, 6  # [s]
IK = IkConfig()
SHARE = 1.01  # of the limits, by which they may be missed
SCALE = np.array([0.15, 0.15, 0.15, 0.8, 0.8, 0.8])  # of the commanded twists [m/s, rad/s]


@dataclass(frozen=True)
class Sent:
    """Joints of one tick, and what they mean."""

    joints: np.ndarray
    limits: Limits
    restarted: bool


def start(arm: Described, run: int, rng: np.random.Generator) -> np.ndarray:
    """Return joints to begin at; every third run with two axes of the wrist in line."""
    limits = arm.kinematics.limits.within(IK.margin, IK.speed)
    low, high = np.maximum(limits.lower, -np.pi), np.minimum(limits.upper, np.pi)
    q = low + rng.random(len(low)) * (high - low) if run else np.array(arm.home)
    if run % 3 == 2:
        q[-2] = np.clip(0.02, low[-2], high[-2])
    return q


def drive(arm: Described, run: int) -> Iterator[Sent]:
    """Drive an arm behind a gate; what it is sent is where it is next."""
    rng = np.random.default_rng(run)
    q, now, twist, valid = start(arm, run, rng), 100.0, np.zeros(6), True
    here = arm.kinematics.pose(q).position
    limits = Limits(low=tuple(here - 0.2), high=tuple(here + 0.2))
    tool = GateParameters(simulated=True, limits=limits).tool_limits
    parameters = replace(
        CONTROLLER.parameters,
        model=arm.name if run % 2 else '',
        base_frame=arm.base,
        tool_frame=arm.tool,
        joints=arm.joints,
    )
    made = make_arm(parameters, 0.1, tool)
    made.on_message('robot_description', arm.text, 0, 0.0)
    gate = Gate(limits, GateSettings(arm.base, armed=True, require_stop_lock=False))
    restarted = True
    for _ in range(TICKS):
        now += TICK
        stamp = round(now * SECOND)
        made.on_message('joint_states', Joints(arm.joints, q, np.zeros(len(q))), stamp, now)
        if rng.random() < 0.05:
            twist = rng.normal(size=6) * SCALE * rng.choice([0.2, 1.0, 2.0])
        valid ^= rng.random() < 0.03
        command = ArmCommand(stamp, twist=twist, valid=bool(valid))
        gate.on_command(Mode.HUMAN, command, arm.base, stamp, now)
        control = gate.update(now, stamp, made.state(now))
        if control.latched:
            gate.rearm(now)
        if control.target is None:
            restarted = True
            continue
        told = made.command(control.target, 1.0, now)
        gate.correct_target(control, told.target, told.reason)
        if not told.messages:
            restarted = True
            continue
        q = told.messages[0].value
        yield Sent(q, limits, restarted)
        restarted = False


@pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)
@pytest.mark.parametrize('run', range(RUNS))
def test_what_is_sent_keeps_every_limit(arm: Described, run: int) -> None:
    before, velocity = None, None
    for sent in drive(arm, run):
        pose, limits = arm.kinematics.pose(sent.joints), sent.limits
        assert (np.array(limits.low) - 5e-4 <= pose.position).all()
        assert (pose.position <= np.array(limits.high) + 5e-4).all()
        if before is None or sent.restarted:
            before, velocity = sent.joints, None
            continue
        way = pose_difference(arm.kinematics.pose(before), pose) / TICK
        assert np.linalg.norm(way[:3]) <= SHARE * limits.speed
        assert np.linalg.norm(way[3:]) <= SHARE * limits.angular_speed
        now = (sent.joints - before) / TICK
        assert (np.abs(now) <= SHARE * IK.speed).all()
        if velocity is not None:
            assert (np.abs(now - velocity) <= SHARE * IK.acceleration * TICK).all()
        before, velocity = sent.joints, now
