"""No limit may lie above what the arm itself can do."""

import re
from dataclasses import replace
from typing import Any

import pytest
from cases import AGX, CONTROLLER, CRISP, SERVO

from robo_dopamine_ros.arms.config import ArmConfig
from robo_dopamine_ros.arms.datasheets import DATASHEETS, check_ceilings
from robo_dopamine_ros.arms.differential_ik import IkConfig
from robo_dopamine_ros.arms.joint_state import KinematicsConfig
from robo_dopamine_ros.arms.position_controller import PositionControllerConfig
from robo_dopamine_ros.arms.servo import ServoConfig
from robo_dopamine_ros.nodes.gate_parameters import GateParameters
from robo_dopamine_ros.safety.limiter import Limits

FAST = PositionControllerConfig(kinematics=KinematicsConfig(ik=IkConfig(speed=4.0)))


@pytest.mark.parametrize(
    ('driver', 'model', 'limits', 'words'),
    [
        (CRISP.parameters, 'fr3', {'angular_speed': 2.6}, 'a fr3 reaches 2.5 rad/s'),
        (AGX.parameters, 'piper', {'speed': 2.0}, 'limits.speed = 2.0 m/s; a piper reaches 1.9'),
        (CONTROLLER.parameters, 'ur5e', {'speed': 1.5}, 'a ur5e reaches 1 m/s'),
        (
            replace(CONTROLLER.parameters, position_controller=FAST),
            'ur5e',
            {},
            'kinematics.ik.speed = 4.0 rad/s; a ur5e reaches 3.142 rad/s',
        ),
        (
            replace(SERVO.parameters, servo=ServoConfig(speed=1.2)),
            'ur5e',
            {},
            'driver.servo.speed = 1.2 m/s; a ur5e reaches 1 m/s',
        ),
        (
            AGX.parameters,
            'piper',
            {'high': (1.5, 0.25, 0.4)},
            'limits.high: x = 1.5 m; a piper with a tool reaches 1.13 m from its base',
        ),
        (CRISP.parameters, 'fr3', {'low': (0.2, -2.0, 0.0)}, 'limits.low: y = -2.0 m; a fr3'),
    ],
)
def test_what_the_arm_cannot_do_is_refused(
    driver: ArmConfig, model: str, limits: dict[str, Any], words: str
) -> None:
    check_ceilings(
        driver, GateParameters(simulated=True, limits=Limits(**limits)).tool_limits
    )  # no model: nothing is known
    driver = replace(driver, model=model)
    with pytest.raises(ValueError, match=re.escape(words)):
        check_ceilings(driver, GateParameters(simulated=True, limits=Limits(**limits)).tool_limits)


def test_the_gate_asks_before_it_starts() -> None:
    with pytest.raises(ValueError, match='a fr3 reaches 2.5 rad/s'):
        GateParameters(
            simulated=True, driver=ArmConfig(model='fr3'), limits=Limits(angular_speed=3.0)
        )


def test_a_model_that_is_not_known_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"model = 'panda'; it must be fr3, piper, ur3, .* empty"):
        ArmConfig(model='panda')
    assert all(sheet.reach < 2.0 for sheet in DATASHEETS.values()), 'in metres'
