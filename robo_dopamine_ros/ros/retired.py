"""Names of earlier releases: each is refused, and the error gives the new one.

Pure data and look-ups, used by the checks of cell files, ROS parameters and the command line.
"""

from collections.abc import Collection, Sequence

NODES = {'conductor': 'episode_manager', 'operator': 'scripted_operator'}
VERBS = {'resume': 'rearm', 'fidelity': 'compare'}
OPTIONS = {  # verb: old and new option
    'bench': {'--words': '--args'},
    'compare': {'--gates': '--tolerances', '--looks': '--frames'},
    'doctor': {'--way': '--mode'},
    'train': {'--sees': '--policy-views', '--first': '--eval-before'},
}
PARAMETERS = {  # consecutive parts of dotted keys
    # gate
    'joint_stream': 'position_controller', 'chain': 'kinematics',
    'kinematics.motion': 'kinematics.ik', 'ik.lead': 'ik.max_tracking_error',
    'agx.flavour': 'agx.driver_package', 'gripper.patience': 'gripper.timeout',
    'servo.turning': 'servo.angular_speed',
    'ur.watched': 'ur.enabled', 'ur.scaling': 'ur.speed_scaling', 'ur.settling': 'ur.unlock_delay',
    'ur.patience': 'ur.timeout', 'limits.turning': 'limits.angular_speed',
    'limits.lead': 'limits.max_tracking_error', 'limits.lead_turn': 'limits.max_rotation_error',
    'limits.measured_turning': 'limits.measured_angular_speed',
    'limits.jumps': 'limits.allow_pose_jumps', 'limits.stall': 'limits.tick_timeout',
    'limits.future': 'limits.future_tolerance',
    'cameras.limits.future': 'cameras.limits.future_tolerance',
    # teleop
    'motion.pace': 'motion.limits', 'joy.silence': 'joy.timeout', 'twist.silence': 'twist.timeout',
    'pose.silence': 'pose.timeout', 'turn_scale': 'angular_scale', 'clutch': 'dead_man',
    'dead_man.silence': 'dead_man.timeout',
    # episode_manager
    'episodes.grace': 'episodes.grace_period', 'episodes.silence': 'episodes.reward_timeout',
    'episodes.auto': 'episodes.auto_start', 'episodes.first': 'episodes.first_index',
    'episodes.recorded': 'episodes.require_recorder', 'resets.way': 'resets.strategy',
    'resets.start': 'resets.home', 'home.rise': 'home.lift_height',
    'home.turning': 'home.angular_speed', 'home.tolerance': 'home.position_tolerance',
    'home.tolerance_turn': 'home.orientation_tolerance',
    # policy, recorder, learner
    'oldest': 'max_input_age', 'reach': 'tip_offset', 'longest': 'max_duration', 'lessons': 'loop',
    'loop.slice': 'loop.updates_per_step', 'loop.publish': 'loop.publish_period',
    'loop.save': 'loop.save_period',
    # scripted_operator, sim
    'begin': 'trigger', 'judges': 'reports_outcome', 'standby': 'intervention',
    'intervention.until': 'intervention.episodes',
    'intervention.patience': 'intervention.stall_time',
    'intervention.burst': 'intervention.duration', 'intervention.hole': 'intervention.hole_width',
    'piece': 'workpiece', 'workpiece.peg': 'workpiece.peg_width',
    'workpiece.force': 'workpiece.max_force', 'conduct': 'realtime',
    'realtime.linger': 'realtime.reset_delay', 'realtime.varied': 'realtime.randomize_visuals',
    'smooth': 'antialias',
}  # fmt: skip
VALUES = {  # of a parameter
    ('driver.arm', 'joint_stream'): 'position_controller',
    ('layout', 'pictures'): 'images',
    ('resets.strategy', 'person'): 'manual',
}


class RetiredNameError(ValueError):
    """A name of an earlier release; the text gives the new one."""


def new_parameter(key: str, known: Collection[str]) -> str:
    """Return the new name of a parameter; empty unless the `known` parameters include it."""
    current = f'.{key}.'
    while old := next((old for old in PARAMETERS if f'.{old}.' in current), ''):
        current = current.replace(f'.{old}.', f'.{PARAMETERS[old]}.')
    new = current.strip('.')
    return new if new != key and new in known else ''


def check_command_line(words: Sequence[str], verb: str) -> None:
    """Raise RetiredNameError for a retired verb, or a retired option of a verb."""
    if verb in VERBS:
        raise RetiredNameError(f'the verb {verb} is now {VERBS[verb]}')
    for option in (word.partition('=')[0] for word in words):
        if new := OPTIONS.get(verb, {}).get(option):
            raise RetiredNameError(f'{verb}: {option} is now {new}')
