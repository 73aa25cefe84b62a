"""Live reward from three raw cameras over DDS: rate, latency and processor time.

    .venv/bin/robo-dopamine bench live_reward
    .venv/bin/python bench/live_reward.py [--seconds 60] [--model MODEL_DIR]

Three 640x480 rgb8 streams at 30 Hz come from a separate process. The reward node is measured first,
then the baseline (bench/_baseline_reward_node.py) on the same streams and with the same model. The
model accepts unfamiliar and noisy images, so that every set of these artificial images gives a
reward: the computation is measured, not the quality of the model.
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

from robo_dopamine_ros.cli.dds_domain import free_domain  # noqa: E402
from robo_dopamine_ros.ros import topics  # noqa: E402
from robo_dopamine_ros.ros.convert import from_msg, from_time, to_msg  # noqa: E402
from robo_dopamine_ros.ros.shutdown import destroy_when_quiet  # noqa: E402
from robo_dopamine_ros.types import Episode, Phase, Progress  # noqa: E402

HERE = Path(__file__).parent
TARGET_P99, TARGET_RATE, TARGET_RATIO = 0.080, 10.0, 3.0  # [s], [Hz], times
WARM_UP, PATIENCE = 3.0, 60.0  # [s]


class RewardListener:
    """Starts an episode and records its progress and rewards."""

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
        self._episode.publish(to_msg(episode))

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def _on_progress(self, message: Any) -> None:
        self.readings.append(from_msg(message))

    def _on_reward(self, message: Any) -> None:
        if from_time(message.previous_stamp) < from_time(message.header.stamp):
            self.arrivals.append(time.monotonic())


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def measure(name: str, command: list[str], seconds: float) -> dict[str, float]:
    """Run one node and measure it for `seconds` after a warm-up."""
    listener = RewardListener()
    with process(*command) as popen:
        deadline = time.monotonic() + PATIENCE
        listener.start(name)
        while not listener.arrivals:
            listener.spin(0.1)
            if popen.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f'{name}: no reward came')
        listener.spin(WARM_UP)
        listener.readings.clear()
        listener.arrivals.clear()
        cpu, began = cpu_seconds(popen.pid), time.monotonic()
        listener.spin(seconds)
        cpu, took = cpu_seconds(popen.pid) - cpu, time.monotonic() - began
    latencies = [reading.latency for reading in listener.readings if reading.valid]
    destroy_when_quiet(listener.node)
    return {
        'rewards': len(listener.arrivals),
        'rate': len(listener.arrivals) / took,
        'longest_gap': float(np.diff(listener.arrivals).max()),
        **{f'p{q}': float(np.percentile(latencies, q)) for q in (50, 95, 99)},
        'cpu_share': cpu / took,
        'cpu_per_reward': cpu / len(listener.arrivals),
    }


def permissive_copy(model: Path | None, folder: Path) -> Path:
    """Copy a model and disable its input checks; without a model, write an untrained one."""
    from robo_dopamine_ros.grm.compact.config import CompactShape
    from robo_dopamine_ros.grm.compact.model_card import CARD_FILE, ModelCard
    from robo_dopamine_ros.grm.compact.network import CompactNetwork
    from robo_dopamine_ros.grm.compact.weights import save_model
    from robo_dopamine_ros.types import VIEWS, Views

    copy = folder / 'model'
    if model is None:
        goal = {view: np.zeros((480, 640, 3), np.uint8) for view in VIEWS}
        untrained = ModelCard('untrained', VIEWS, '', CompactShape())
        save_model(
            copy,
            CompactNetwork(CompactShape()).eval(),
            untrained,
            Views(goal, dict.fromkeys(VIEWS, 0)),
            {},
        )
    else:
        shutil.copytree(model, copy)
    card = json.loads((copy / CARD_FILE).read_text())
    card.update(least_familiarity=0.0, most_grain=1.0)
    (copy / CARD_FILE).write_text(json.dumps(card))
    return copy


def table(ours: dict[str, float], baseline: dict[str, float], ratio: float) -> str:
    rows = [
        ('rewards per second', 'rate', 1.0, '>= 10'),
        ('longest gap [ms]', 'longest_gap', 1e3, ''),
        ('stamp to publication p50 [ms]', 'p50', 1e3, ''),
        ('stamp to publication p95 [ms]', 'p95', 1e3, ''),
        ('stamp to publication p99 [ms]', 'p99', 1e3, '<= 80'),
        ('processor [% of a core]', 'cpu_share', 1e2, ''),
        ('processor time per reward [ms]', 'cpu_per_reward', 1e3, ''),
    ]
    lines = [f'{"":32}{"reward node":>12}{"baseline":>12}  target']
    lines += [
        f'{title:32}{ours[key] * scale:12.2f}{baseline[key] * scale:12.2f}  {target}'
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
    shipped = environment.SOURCE_DIR / 'models' / 'grm'
    model = args.model or (shipped if shipped.exists() else None)
    rclpy.init()
    with tempfile.TemporaryDirectory() as folder, process(str(HERE / '_camera_streams.py')):
        copy = permissive_copy(model, Path(folder))
        node = ['-m', 'robo_dopamine_ros.nodes.reward', '--ros-args', '-p', f'model:={copy}']
        ours = measure('ours', node, args.seconds)
        baseline = measure(
            'baseline', [str(HERE / '_baseline_reward_node.py'), str(copy)], args.seconds
        )
    rclpy.try_shutdown()
    ratio = baseline['cpu_per_reward'] / ours['cpu_per_reward']
    met = ours['p99'] <= TARGET_P99 and ours['rate'] >= 0.99 * TARGET_RATE and ratio >= TARGET_RATIO
    result = {
        'seconds': args.seconds,
        'cores': os.cpu_count(),
        'machine': platform.machine(),
        'model': str(model or 'untrained'),
        'reward_node': ours,
        'usual_way': baseline,
        'cpu_ratio': ratio,
        'met': met,
    }
    print(table(ours, baseline, ratio))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n')
    return 0 if met else 1


if __name__ == '__main__':
    sys.exit(main())
