"""Live reward from three raw cameras over DDS: rate, latency and processor time.

    .venv/bin/robo-dopamine bench live_reward
    .venv/bin/python bench/live_reward.py [--seconds 60] [--model MODEL_DIR]

Three 640x480 rgb8 streams at 30 pictures a second come from a process of their own. The reward
node is measured first, then, on the same streams and with the same model, a process written the
usual way (bench/_usual_way.py). The model judges with its alarms off, so that every set of these
artificial pictures gives a reward: what is measured is the work, not what the model thinks.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _process import process

from robo_dopamine_ros.ros import environment

environment.activate()

import rclpy  # noqa: E402 (needs the environment)
from rclpy.executors import SingleThreadedExecutor  # noqa: E402

from robo_dopamine_ros.cli.domain import free_domain  # noqa: E402
from robo_dopamine_ros.ros import topics  # noqa: E402
from robo_dopamine_ros.ros.convert import episode_to_msg, from_time, progress_from_msg  # noqa: E402
from robo_dopamine_ros.types import Episode, Phase, Progress  # noqa: E402

HERE = Path(__file__).parent
TARGET_P99, TARGET_RATE, TARGET_RATIO = 0.080, 10.0, 3.0  # [s], [Hz], times
WARM_UP, PATIENCE = 3.0, 60.0  # [s]


class Listener:
    """Starts an episode and keeps what is published about it."""

    def __init__(self) -> None:
        self.readings: list[Progress] = []
        self.arrivals: list[float] = []  # of rewards, by the steady clock [s]
        self.node = rclpy.create_node('listener')
        episode, progress, reward = topics.EPISODE, topics.PROGRESS, topics.REWARD
        self._episode = self.node.create_publisher(episode.type, episode.name, episode.qos)
        self.node.create_subscription(progress.type, progress.name, self._on_progress, progress.qos)
        self.node.create_subscription(reward.type, reward.name, self._on_reward, reward.qos)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)

    def start(self, name: str) -> None:
        episode = Episode(id=name, task='bench', phase=Phase.RUNNING, stamp=time.time_ns())
        self._episode.publish(episode_to_msg(episode))

    def listen(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def _on_progress(self, message: Any) -> None:
        self.readings.append(progress_from_msg(message))

    def _on_reward(self, message: Any) -> None:
        if from_time(message.previous_stamp) < from_time(message.header.stamp):
            self.arrivals.append(time.monotonic())


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def measure(name: str, command: list[str], seconds: float) -> dict[str, float]:
    """Run one way for `seconds` after a warm-up."""
    listener = Listener()
    with process(*command) as popen:
        deadline = time.monotonic() + PATIENCE
        listener.start(name)
        while not listener.arrivals:
            listener.listen(0.1)
            if popen.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f'{name}: no reward came')
        listener.listen(WARM_UP)
        listener.readings.clear()
        listener.arrivals.clear()
        cpu, began = cpu_seconds(popen.pid), time.monotonic()
        listener.listen(seconds)
        cpu, took = cpu_seconds(popen.pid) - cpu, time.monotonic() - began
    latencies = [reading.latency for reading in listener.readings if reading.valid]
    listener.node.destroy_node()
    return {
        'rewards': len(listener.arrivals),
        'rate': len(listener.arrivals) / took,
        'longest_gap': float(np.diff(listener.arrivals).max()),
        **{f'p{q}': float(np.percentile(latencies, q)) for q in (50, 95, 99)},
        'cpu_share': cpu / took,
        'cpu_per_reward': cpu / len(listener.arrivals),
    }


def credulous(model: Path | None, folder: Path) -> Path:
    """Copy a model with its alarms off; without one, make one that was never trained."""
    from robo_dopamine_ros.reward.compact.card import CARD
    from robo_dopamine_ros.reward.compact.model import Card
    from robo_dopamine_ros.reward.compact.network import Network
    from robo_dopamine_ros.reward.compact.shape import Shape
    from robo_dopamine_ros.reward.compact.weights import save
    from robo_dopamine_ros.types import VIEWS, Views

    copy = folder / 'model'
    if model is None:
        goal = {view: np.zeros((480, 640, 3), np.uint8) for view in VIEWS}
        card = Card('untrained', VIEWS, '', Shape())
        save(copy, Network(Shape()).eval(), card, Views(goal, dict.fromkeys(VIEWS, 0)), {})
    else:
        shutil.copytree(model, copy)
    facts = json.loads((copy / CARD).read_text())
    facts.update(least_familiarity=0.0, most_grain=1.0)
    (copy / CARD).write_text(json.dumps(facts))
    return copy


def table(ours: dict[str, float], usual: dict[str, float], ratio: float) -> str:
    rows = [
        ('rewards per second', 'rate', 1.0, '>= 10'),
        ('longest gap [ms]', 'longest_gap', 1e3, ''),
        ('stamp to publication p50 [ms]', 'p50', 1e3, ''),
        ('stamp to publication p95 [ms]', 'p95', 1e3, ''),
        ('stamp to publication p99 [ms]', 'p99', 1e3, '<= 80'),
        ('processor [% of a core]', 'cpu_share', 1e2, ''),
        ('processor time per reward [ms]', 'cpu_per_reward', 1e3, ''),
    ]
    lines = [f'{"":32}{"reward node":>12}{"usual way":>12}  target']
    lines += [
        f'{title:32}{ours[key] * scale:12.2f}{usual[key] * scale:12.2f}  {target}'
        for title, key, scale, target in rows
    ]
    return '\n'.join([*lines, f'{"processor time, times less":32}{ratio:12.2f}{"":12}  >= 3'])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=60.0, help='of each of the two')
    parser.add_argument('--model', type=Path, help='model folder (default: the shipped one)')
    parser.add_argument('--json', type=Path, help='file for the result')
    args = parser.parse_args()
    os.environ['ROS_DOMAIN_ID'] = str(free_domain())
    shipped = environment.SOURCES / 'models' / 'grm'
    model = args.model or (shipped if shipped.exists() else None)
    rclpy.init()
    with tempfile.TemporaryDirectory() as folder, process(str(HERE / '_cameras.py')):
        copy = credulous(model, Path(folder))
        node = ['-m', 'robo_dopamine_ros.nodes.reward', '--ros-args', '-p', f'model:={copy}']
        ours = measure('ours', node, args.seconds)
        usual = measure('usual', [str(HERE / '_usual_way.py'), str(copy)], args.seconds)
    rclpy.try_shutdown()
    ratio = usual['cpu_per_reward'] / ours['cpu_per_reward']
    met = ours['p99'] <= TARGET_P99 and ours['rate'] >= 0.99 * TARGET_RATE and ratio >= TARGET_RATIO
    result = {
        'seconds': args.seconds,
        'cores': os.cpu_count(),
        'machine': platform.machine(),
        'model': str(model or 'untrained'),
        'reward_node': ours,
        'usual_way': usual,
        'cpu_ratio': ratio,
        'met': met,
    }
    print(table(ours, usual, ratio))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n')
    return 0 if met else 1


if __name__ == '__main__':
    sys.exit(main())
