"""Parameter files for drivers suit the cells that speak to those drivers."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from robo_dopamine_ros.arms.config import ArmConfig
from robo_dopamine_ros.safety.limiter import Limits

CONFIG = Path(__file__).parents[2] / 'config'
SECTION = 'ros__parameters'


def driver(name: str) -> Any:
    return yaml.safe_load((CONFIG / 'drivers' / f'{name}.yaml').read_text())['/**']


def gate(cell: str) -> Any:
    return yaml.safe_load((CONFIG / f'{cell}.yaml').read_text())['gate'][SECTION]


@pytest.mark.parametrize(
    'controller', ['cartesian_impedance_controller', 'pose_broadcaster', 'twist_broadcaster']
)
def test_crisp_speaks_of_the_arm_that_the_gate_knows(controller: str) -> None:
    told, arm = driver('franka_crisp')[controller][SECTION], gate('franka')['driver']
    defaults = ArmConfig()
    assert told['base_frame'] == arm.get('base_frame', defaults.base_frame)
    assert told['end_effector_frame'] == arm.get('tool_frame', defaults.tool_frame)
    assert told['joints'] == arm['joints']
    assert controller in arm['crisp']['franka']['controllers']


def test_crisp_reaches_as_far_as_the_gate_leads() -> None:
    clip = driver('franka_crisp')['cartesian_impedance_controller'][SECTION]['task']['error_clip']
    limits = {**vars(Limits()), **gate('franka')['limits']}
    assert min(clip[axis] for axis in 'xyz') > limits['max_tracking_error']
    assert min(clip[f'r{axis}'] for axis in 'xyz') > limits['max_rotation_error']


def test_servo_takes_what_the_gate_tells() -> None:
    servo, arm = driver('ur_servo')[SECTION]['moveit_servo'], gate('ur_servo')['driver']
    assert arm['arm'] == 'servo'
    assert servo['command_in_type'] == 'speed_units'
    assert servo['apply_twist_commands_about_ee_frame'] is True
    assert servo['command_out_topic'] == '/scaled_joint_trajectory_controller/joint_trajectory'
