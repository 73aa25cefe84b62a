"""The processes of the fault bench.

It is the simulator's cell with the gate's limits for hardware, and it must be armed. Like a real
arm, the simulated one receives no episodes. Camera, arm state and stop lock pass through relay
processes (`_relay.py`), which can be killed as if a cable were pulled. The enabling switch and a
zone are required, as in a cell that has them (`_safety_input.py`).
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from _circle_policy import CirclePolicyParameters
from _hands import DRIVERS, JOY
from _relay import CAMERA, upstream
from _safety_input import DEVICES

from robo_dopamine_ros.arms.crisp import CURRENT_POSE
from robo_dopamine_ros.nodes import cell
from robo_dopamine_ros.nodes.cell import Process
from robo_dopamine_ros.ros.topics import ENABLE, STOP_LOCK
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.teleop.joy import JoyConfig
from robo_dopamine_ros.teleop.spacenav import SpaceMouseConfig

HERE = Path(__file__).parent
TIMEOUTS = (
    'policy_timeout',
    'human_timeout',
    'arm_timeout',
    'episode_timeout',
    'lock_timeout',
    'enable_timeout',
    'zone_timeout',
    'tick_timeout',
)
SPACEMOUSE_TIMES = ('still_after', 'report_timeout', 'rest_timeout')


@dataclass(frozen=True)
class Script(Process):
    """A process of bench/ with its first argument."""

    argument: str = ''

    def command(self) -> list[str]:
        script = str(HERE / f'{self.executable}.py')
        return [
            sys.executable,
            script,
            *([self.argument] if self.argument else []),
            *self.arguments(),
        ]


def processes(slack: float, device: str = JOY) -> list[Process]:
    """Return all processes; timeouts are `slack` times as long as on hardware."""
    limits, mouse = Limits(), SpaceMouseConfig()
    timeouts = {f'gate.limits.{name}': slack * getattr(limits, name) for name in TIMEOUTS}
    values = timeouts | {
        'gate.armed': False,
        'gate.stop_lock': True,
        'gate.enable': 'topic',
        'gate.zone': True,
        'gate.limits.allow_pose_jumps': False,
        'teleop.device': device,
        'teleop.stop_lock': True,
        **{f'teleop.spacenav.{k}': slack * getattr(mouse, k) for k in SPACEMOUSE_TIMES},
        'teleop.joy.timeout': min(1.0, slack * JoyConfig().timeout),
        'episode_manager.resets.strategy': 'none',
        'episode_manager.episodes.time_limit': 0.0,
        'sim.width': 160,
        'sim.height': 120,
    }
    sets = [f'{key}={str(value).lower()}' for key, value in values.items()]
    nodes = {process.title: process for process in cell.cell_processes('sim', overrides=sets)}
    cut = {name: upstream(name) for name in (CURRENT_POSE.name, CAMERA.name)} | {
        'episode': 'unheard'
    }
    nodes['sim'] = replace(nodes['sim'], remappings=cut)
    lock = STOP_LOCK.name
    others = {lock: upstream(lock), ENABLE.name: 'unheard_enable'}
    nodes['teleop'] = replace(nodes['teleop'], remappings=others)
    slow_views = {'max_input_age': slack * CirclePolicyParameters().max_input_age}
    stand_ins = [Script('_relay', name=name, argument=name) for name in ('camera', 'state', 'lock')]
    stand_ins += [Script('_safety_input', name=name, argument=name) for name in DEVICES]
    stand_ins += [Script(f'_fake_{DRIVERS[device]}', name=DRIVERS[device])]
    stand_ins += [Script('_circle_policy', name='policy', parameters=slow_views)]
    return [replace(process, respawn=True) for process in (*nodes.values(), *stand_ins)]
