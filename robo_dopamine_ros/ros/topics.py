"""Every topic, service and action: its name, type, quality of service, rate and owner, once.

Names are relative, so a namespace makes a second robot.
"""

from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from robo_dopamine.action import AdaptReward
from robo_dopamine.msg import (
    ArmCommand,
    ArmState,
    Control,
    Episode,
    Kept,
    LearnerStatus,
    Progress,
    Reward,
    Step,
)
from robo_dopamine.srv import (
    EndEpisode,
    Intervene,
    MarkKeyframe,
    Recover,
    SetTask,
    StartEpisode,
)
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool, Header
from std_srvs.srv import SetBool, Trigger


@dataclass(frozen=True)
class Topic:
    """A stream of messages."""

    name: str
    type: Any
    qos: QoSProfile
    rate: float | None  # [Hz] at least; None: on change
    source: str
    sink: str
    meaning: str


@dataclass(frozen=True)
class Service:
    """A request that is answered: a service, or an action where `action` is set."""

    name: str
    type: Any
    owner: str
    meaning: str
    action: bool = False


def reliable(depth: int) -> QoSProfile:
    """Every message arrives, late joiners miss what was before."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE)


def newest(depth: int) -> QoSProfile:
    """Sensor data: losing one is better than waiting for it."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


def kept(depth: int) -> QoSProfile:
    """Every message arrives, the newest also at late joiners."""
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


LATCHED = kept(1)

PROGRESS = Topic(
    'progress', Progress, reliable(10), 10.0, 'reward', 'anyone', 'task progress, every reading'
)
REWARD = Topic(
    'reward', Reward, reliable(100), 10.0, 'reward', 'integrators', 'reward of every valid step'
)
EPISODE = Topic(
    'episode',
    Episode,
    LATCHED,
    5.0,
    'conductor',
    'all',
    'the episode under way: on every change, and again as a sign of life',
)
ARM_STATE = Topic(
    'arm/state', ArmState, newest(5), 50.0, 'gate (from the driver)', 'all', 'what the arm reports'
)
POLICY_COMMAND = Topic(
    'policy/command', ArmCommand, reliable(1), 10.0, 'policy', 'gate', 'wish of the policy'
)
TELEOP_COMMAND = Topic(
    'teleop/command', ArmCommand, reliable(1), 10.0, 'teleop', 'gate', 'wish of a person'
)
RESET_COMMAND = Topic(
    'reset/command', ArmCommand, reliable(1), 10.0, 'reset', 'gate', 'wish of the reset motion'
)
CONTROL = Topic(
    'control',
    Control,
    reliable(10),
    50.0,
    'gate',
    'all',
    'mode, reason and sent command',
)
STOP_LOCK = Topic(
    'stop_lock',
    Bool,
    reliable(1),
    10.0,
    'teleop or cell hardware',
    'gate',
    'true, or silence: locked; required on hardware, off in simulation',
)
STEP = Topic(
    'experience/step',
    Step,
    reliable(100),
    10.0,
    'policy',
    'recorder',
    'experience, step by step; sent again until it is kept',
)
KEPT = Topic(
    'experience/kept',
    Kept,
    LATCHED,
    5.0,
    'recorder',
    'policy, conductor',
    'what is on disk: on every change, and again as a sign of life',
)
LEARNER_STATUS = Topic(
    'learner/status', LearnerStatus, reliable(1), 1.0, 'learner', 'dashboard', 'how learning goes'
)
DIAGNOSTICS = Topic(
    '/diagnostics',
    DiagnosticArray,
    reliable(10),
    1.0,
    'every node',
    'anyone',
    'health of every part',
)
PLAYED = Topic(
    'player/frame',
    Header,
    kept(100),
    10.0,
    'player',
    'anyone',
    'stamp of the recorded frame whose index is frame_id; the last index ends the recording',
)
SIM_TRUTH = Topic(
    'sim/truth',
    Progress,
    reliable(10),
    10.0,
    'sim',
    'those who measure',
    'true progress of the simulated task; nothing that acts may listen',
)
SIM_BOARD = Topic(
    'sim/board',
    PoseStamped,
    LATCHED,
    None,
    'sim',
    'the simulated person',
    'pose of the hole, base frame, z up; what a person would see, no policy may listen',
)
TOPICS = (
    PROGRESS,
    REWARD,
    EPISODE,
    ARM_STATE,
    POLICY_COMMAND,
    TELEOP_COMMAND,
    RESET_COMMAND,
    CONTROL,
    STOP_LOCK,
    STEP,
    KEPT,
    LEARNER_STATUS,
    DIAGNOSTICS,
    PLAYED,
    SIM_TRUTH,
    SIM_BOARD,
)

INTERVENE = Service('intervene', Intervene, 'gate', 'a person takes over, or hands back')
STOP = Service('stop', Trigger, 'gate', 'stop at once and latch')
REARM = Service('rearm', Trigger, 'gate', 'release the latch after a stop or a fault')
RECOVER = Service('recover', Recover, 'gate', 'clear a fault of the arm, without motion')
START_EPISODE = Service('start_episode', StartEpisode, 'conductor', 'start an episode')
END_EPISODE = Service('end_episode', EndEpisode, 'conductor', 'end it, or overrule a proposal')
PAUSE = Service('pause', SetBool, 'conductor', 'true: no next episode begins, false: go on')
SIM_RESET = Service('sim/reset', Trigger, 'sim', 'begin the simulated scene anew')
SET_TASK = Service('set_task', SetTask, 'reward', 'instruction, start and goal views')
MARK_KEYFRAME = Service('mark_keyframe', MarkKeyframe, 'recorder', 'mark what was reached')
LEARNER_SAVE = Service('learner/save', Trigger, 'learner', 'write a checkpoint now')
LEARNER_PAUSE = Service('learner/pause', SetBool, 'learner', 'true: pause, false: go on')
ADAPT_REWARD = Service(
    'adapt_reward', AdaptReward, 'reward', 'adapt to a task from one demonstration', action=True
)
SERVICES = (
    INTERVENE,
    STOP,
    REARM,
    RECOVER,
    START_EPISODE,
    END_EPISODE,
    PAUSE,
    SIM_RESET,
    SET_TASK,
    MARK_KEYFRAME,
    LEARNER_SAVE,
    LEARNER_PAUSE,
    ADAPT_REWARD,
)


def camera_topic(view: str, transport: str = 'raw', depth: int = 5) -> Topic:
    """Give the topic of one camera view; `transport` is 'raw' or 'compressed'."""
    name, kind = {
        'raw': (f'{view}/image_raw', Image),
        'compressed': (f'{view}/image_raw/compressed', CompressedImage),
    }[transport]
    return Topic(
        name, kind, newest(depth), 10.0, 'cameras', 'reward, policy, recorder', f'view {view}'
    )
