"""The processes of the fault matrix.

It is the simulator's cell with the gate's limits for hardware, and it must be armed. The arm knows
nothing of episodes, as a real one. Camera, arm state and stop lock reach the others by wires.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from _policy import PolicyParameters
from _wire import CAMERA, near_end

from robo_dopamine_ros.arms.crisp import POSE
from robo_dopamine_ros.nodes import system
from robo_dopamine_ros.nodes.system import Process
from robo_dopamine_ros.ros.topics import STOP_LOCK
from robo_dopamine_ros.safety.limits import Limits
from robo_dopamine_ros.teleop.joy import JoyMap

HERE = Path(__file__).parent
WAITS = ('policy_timeout', 'human_timeout', 'arm_timeout', 'episode_timeout', 'lock_timeout')


@dataclass(frozen=True)
class Script(Process):
    """A process of bench/ with its first argument."""

    word: str = ''

    def command(self) -> list[str]:
        script = str(HERE / f'{self.executable}.py')
        return [sys.executable, script, *([self.word] if self.word else []), *self.arguments()]


def processes(slack: float) -> list[Process]:
    """All that run; time-outs are `slack` times as long as on hardware."""
    limits = Limits()
    waits = {f'gate.limits.{name}': slack * getattr(limits, name) for name in (*WAITS, 'stall')}
    values = waits | {
        'gate.armed': False,
        'gate.stop_lock': True,
        'gate.limits.jumps': False,
        'teleop.stop_lock': True,
        'teleop.joy.silence': min(1.0, slack * JoyMap().silence),
        'conductor.resets.way': 'none',
        'conductor.episodes.time_limit': 0.0,
        'sim.width': 160,
        'sim.height': 120,
    }
    sets = [f'{key}={str(value).lower()}' for key, value in values.items()]
    nodes = {process.title: process for process in system.cell('sim', sets=sets)}
    cut = {name: near_end(name) for name in (POSE.name, CAMERA.name)} | {'episode': 'unheard'}
    nodes['sim'] = replace(nodes['sim'], remappings=cut)
    lock = STOP_LOCK.name
    nodes['teleop'] = replace(nodes['teleop'], remappings={lock: near_end(lock)})
    oldest = {'oldest': slack * PolicyParameters().oldest}
    stand_ins = [Script('_wire', name=name, word=name) for name in ('camera', 'state', 'lock')]
    stand_ins += [Script('_gamepad', name='gamepad')]
    stand_ins += [Script('_policy', name='policy', parameters=oldest)]
    return [replace(process, respawn=True) for process in (*nodes.values(), *stand_ins)]
