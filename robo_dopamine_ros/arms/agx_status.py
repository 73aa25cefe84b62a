"""What an AgileX arm says of its own state, in words."""

from typing import Any

CONTROL = {
    0: 'on standby',  # until it is first told something
    1: 'controlled over CAN',
    2: 'being taught by hand',
    3: 'controlled over Ethernet',
    4: 'controlled over WiFi',
    5: 'controlled by a remote',
    6: 'taught by a leader',
    7: 'on a trajectory of its own',
    8: 'controlled over TCP',
}
FOLLOWS = (0, 1)
STATUS = {
    0: 'normal',
    1: 'emergency stop',
    2: 'no solution',
    3: 'singularity',
    4: 'target angle out of range',
    5: 'a joint does not communicate',
    6: 'a brake is not released',
    7: 'collision',
    8: 'dragged too fast while being taught',
    9: 'a joint is abnormal',
    10: 'abnormal',
    11: 'what it is taught is recorded',
    12: 'what it was taught is played',
    13: 'what it was taught is paused',
    14: 'the main controller is too hot',
    15: 'the release resistor is too hot',
}
GRIPPER = {
    'voltage_too_low': 'voltage too low',
    'motor_overheating': 'motor too hot',
    'driver_overcurrent': 'too much current',
    'driver_overheating': 'driver too hot',
    'sensor_status': 'sensor abnormal',
    'driver_error_status': 'driver abnormal',
}


def arm_fault(status: Any) -> str:
    """Say what in an AgxArmStatus forbids motion, empty: nothing."""
    mode, arm = status.ctrl_mode, status.arm_status
    wrong = [] if mode in FOLLOWS else [f'it is {CONTROL.get(mode, "in another mode")} ({mode})']
    wrong += [] if arm == 0 else [f'{STATUS.get(arm, "unknown status")} ({arm})']
    for flags, words in (
        (status.joint_angle_limit, 'is at its limit'),
        (status.communication_status_joint, 'does not communicate'),
    ):
        wrong += [f'joint {number} {words}' for number, flag in enumerate(flags, 1) if flag]
    return ', '.join(wrong)


def gripper_fault(status: Any) -> str:
    """Say what a GripperStatus complains of, empty: nothing."""
    wrong = [words for name, words in GRIPPER.items() if getattr(status, name)]
    return f'gripper: {", ".join(wrong)}' if wrong else ''
