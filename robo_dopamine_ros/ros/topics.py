"""Table of topics, services and actions: name, type, quality of service, rate, owner, meaning.

Names are relative, so that every robot can have a namespace.
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
    LearnerStatus,
    Progress,
    RecorderStatus,
    Reward,
    SafetyZone,
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
    """A topic; source and sink are names of nodes, for the documentation."""

    name: str
    type: Any
    qos: QoSProfile
    rate: float | None  # [Hz] minimum; None: on change
    source: str
    sink: str
    meaning: str


@dataclass(frozen=True)
class Service:
    """A service, or an action if `action` is set."""

    name: str
    type: Any
    owner: str
    meaning: str
    action: bool = False


def reliable(depth: int) -> QoSProfile:
    """Return a reliable, volatile profile."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE)


def sensor_data(depth: int) -> QoSProfile:
    """Return a best-effort, volatile profile: a lost message is not repeated."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


def transient_local(depth: int) -> QoSProfile:
    """Return a reliable profile whose last `depth` messages late subscribers receive as well."""
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


LATCHED = transient_local(1)

# fmt: off
PROGRESS = Topic(
    'progress', Progress, reliable(10), 10.0, 'reward', 'episode_manager, recorder, integrators',
    'task progress, every reading'
)
REWARD = Topic(
    'reward', Reward, reliable(100), 10.0, 'reward', 'integrators', 'reward of every valid step'
)
EPISODE = Topic(
    'episode', Episode, LATCHED, 5.0, 'episode_manager', 'every node',
    'the current episode: on every change, and at 5 Hz as a heartbeat'
)
ARM_STATE = Topic(
    'arm/state', ArmState, sensor_data(5), 50.0, 'gate', 'policy, recorder, integrators',
    'measured state of the arm, from its driver'
)
POLICY_COMMAND = Topic(
    'policy/command', ArmCommand, reliable(1), 10.0, 'policy', 'gate', 'command of the policy'
)
TELEOP_COMMAND = Topic(
    'teleop/command', ArmCommand, reliable(1), 10.0, 'teleop', 'gate', 'command of a person'
)
RESET_COMMAND = Topic(
    'reset/command', ArmCommand, reliable(1), 10.0, 'episode_manager', 'gate',
    'command of the reset motion'
)
CONTROL = Topic(
    'control', Control, reliable(10), 50.0, 'gate',
    'policy, recorder, episode_manager, integrators',
    'mode, reason and sent command'
)
STOP_LOCK = Topic(
    'stop_lock', Bool, reliable(10), 10.0, 'teleop, cell hardware', 'gate',
    'true, or silence: locked; required on hardware, off in simulation'
)
ENABLE = Topic(
    'enable', Bool, reliable(10), 10.0, 'teleop, cell hardware', 'gate',
    'true while a person holds the enabling switch; policy and reset motion need it on hardware'
)
SAFETY_ZONE = Topic(
    'safety/zone', SafetyZone, reliable(10), 10.0, 'cell hardware', 'gate',
    'zones that a scanner watches: full speed, slow, or stop; required by the parameter `zone`'
)
STEP = Topic(
    'experience/step', Step, reliable(100), 10.0, 'policy', 'recorder',
    'steps of experience; each is sent again until the recorder has stored it'
)
RECORDER_STATUS = Topic(
    'recorder/status', RecorderStatus, LATCHED, 5.0, 'recorder', 'policy, episode_manager',
    'newest stored step and episode: on every change, and at 5 Hz as a heartbeat'
)
LEARNER_STATUS = Topic(
    'learner/status', LearnerStatus, reliable(1), 1.0, 'learner', 'integrators',
    'updates, losses, success rate'
)
DIAGNOSTICS = Topic(
    '/diagnostics', DiagnosticArray, reliable(10), 1.0, 'every node', 'integrators',
    'state of every part of a node'
)
PLAYER_FRAME = Topic(
    'player/frame', Header, transient_local(100), 10.0, 'player', 'replay',
    'stamp of the recorded frame whose index is frame_id; the last index ends the recording'
)
SIM_GROUND_TRUTH = Topic(
    'sim/ground_truth', Progress, reliable(10), 10.0, 'sim', 'measurements',
    'true progress of the simulated task; for evaluation only'
)
SIM_BOARD = Topic(
    'sim/board', PoseStamped, LATCHED, None, 'sim', 'scripted_operator',
    'pose of the hole, base frame, z up; for the scripted operator and evaluation only'
)
# fmt: on
TOPICS = tuple(value for value in [*globals().values()] if isinstance(value, Topic))

INTERVENE = Service('intervene', Intervene, 'gate', 'a person takes over, or hands back')
STOP = Service('stop', Trigger, 'gate', 'stop at once and latch')
REARM = Service('rearm', Trigger, 'gate', 'release the latch after a stop or a fault')
RECOVER = Service('recover', Recover, 'gate', 'clear a fault of the arm, without motion')
START_EPISODE = Service('start_episode', StartEpisode, 'episode_manager', 'start an episode')
END_EPISODE = Service(
    'end_episode', EndEpisode, 'episode_manager', 'end it, or overrule a proposal'
)
PAUSE = Service('pause', SetBool, 'episode_manager', 'true: no next episode begins, false: go on')
SIM_RESET = Service('sim/reset', Trigger, 'sim', 'reset the simulated scene')
SET_TASK = Service('set_task', SetTask, 'reward', 'instruction, start and goal views')
MARK_KEYFRAME = Service('mark_keyframe', MarkKeyframe, 'recorder', 'mark what was reached')
LEARNER_SAVE = Service('learner/save', Trigger, 'learner', 'write a checkpoint now')
LEARNER_PAUSE = Service('learner/pause', SetBool, 'learner', 'true: pause, false: go on')
ADAPT_REWARD = Service(
    'adapt_reward', AdaptReward, 'reward', 'adapt to a task from one demonstration', action=True
)
SERVICES = tuple(value for value in [*globals().values()] if isinstance(value, Service))


def camera_topic(view: str, transport: str = 'raw', depth: int = 5) -> Topic:
    """Return the topic of one camera view; `transport` is 'raw' or 'compressed'."""
    name, kind = {
        'raw': (f'{view}/image_raw', Image),
        'compressed': (f'{view}/image_raw/compressed', CompressedImage),
    }[transport]
    return Topic(
        name, kind, sensor_data(depth), 10.0, 'cameras', 'reward, policy, recorder', f'view {view}'
    )
