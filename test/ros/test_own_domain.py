"""Verbs that start nodes leave a running cell alone: a domain of their own, or a refusal."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from processes import EPISODE_MANAGER, Child, Watcher
from ticking_cell import TickingCell

from robo_dopamine_ros.cli.dds_domain import VARIABLE
from robo_dopamine_ros.data.episode_folder import save_recording
from robo_dopamine_ros.nodes.cell import Process
from robo_dopamine_ros.nodes.live_topics import sole_topics
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.topics import camera_topic
from robo_dopamine_ros.types import SECOND, VIEWS, Phase, Recording, Views

LENGTH, RATE = 20, 10.0


def robo_dopamine(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a verb in a shell of the cell: with its ROS_DOMAIN_ID."""
    return subprocess.run(
        [sys.executable, '-m', 'robo_dopamine_ros.cli.main', *map(str, words)],
        capture_output=True, text=True, timeout=150, env=os.environ, check=False,
    )  # fmt: skip


def scene(index: int) -> Views:
    image = np.full((48, 64, 3), 5 * index, np.uint8)
    return Views(dict.fromkeys(VIEWS, image), dict.fromkeys(VIEWS, round(index * SECOND / RATE)))


@pytest.fixture(scope='module')
def episode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recording = Recording(
        name='push', rate=RATE, length=LENGTH, views=VIEWS,
        play=lambda size=None, stride=1, start=0, stop=None: map(
            scene, range(start, stop or LENGTH, stride)
        ),
        span=(0, LENGTH - 1), progress=np.linspace(0.0, 1.0, LENGTH), instruction='push',
        keyframes=(0, LENGTH - 1),
    )  # fmt: skip
    return save_recording(recording, tmp_path_factory.mktemp('episodes') / 'push')


class RunningCell(Watcher):
    """Hears what a verb does in the domain of the cell."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[object] = []
        for view in VIEWS:
            self.subscribe(camera_topic(view), lambda message: message.header.stamp, self.images)

    def untouched(self) -> bool:
        phases = {episode.phase for episode in self.episodes}
        return phases == {Phase.IDLE} and not self.images and not self.readings


@pytest.fixture
def cell(domain: int) -> Iterator[RunningCell]:
    """An episode manager that would start an episode at once, and its observer."""
    child = Child(EPISODE_MANAGER, 'episodes.task:=insert')
    with RunningCell() as watcher:
        watcher.until(lambda: bool(watcher.episodes), 'the cell does not run')
        yield watcher
    child.kill()


class Cameras(TickingCell):
    """Live cameras, and the pose of a live arm."""

    def __init__(self) -> None:
        super().__init__(topics.EPISODE)
        self.arm = False
        self._pose = self.node.create_publisher(PoseStamped, 'current_pose', 1)

    def _tick(self) -> None:
        if self.arm:
            self._pose.publish(PoseStamped())
            return
        for view in VIEWS:
            self.publish_image(view, np.zeros((4, 4, 3), np.uint8), self.stamp)


@pytest.fixture
def cameras(domain: int) -> Iterator[Cameras]:
    with Cameras() as cameras:
        yield cameras


def test_a_replay_beside_a_running_cell_has_a_domain_of_its_own(
    cell: RunningCell, episode: Path, tmp_path: Path
) -> None:
    done = robo_dopamine('replay', episode, '--out', tmp_path / 'out')
    assert done.returncode == 0, done.stderr + done.stdout
    assert cell.untouched(), cell.episodes
    assert 'Hz, domain ' in done.stdout
    assert f'Hz, domain {os.environ[VARIABLE]}\n' not in done.stdout


@pytest.mark.parametrize('verb', ['replay', 'demo'])
def test_a_domain_that_is_named_must_be_silent(
    cell: RunningCell, episode: Path, tmp_path: Path, verb: str
) -> None:
    words = [episode] if verb == 'replay' else []
    named = ['--domain', os.environ[VARIABLE], '--out', tmp_path / 'out']
    done = robo_dopamine(verb, *words, *named)
    assert done.returncode == 2
    assert '/episode_manager runs already on this machine' in done.stderr
    assert cell.untouched(), cell.episodes


@pytest.mark.parametrize('words', [['demo', '--domain'], ['up'], ['up', '--dry-run']], ids=' '.join)
def test_no_simulator_publishes_among_live_cameras(
    cameras: Cameras, tmp_path: Path, words: list[str]
) -> None:
    if words[-1] == '--domain':
        words = [*words, os.environ[VARIABLE], '--out', str(tmp_path / 'out')]
    done = robo_dopamine(*words)
    assert done.returncode == 2, done.stdout
    assert '/image_raw is published already by /watcher: stop that, or give' in done.stderr
    assert len(cameras.node.get_publishers_info_by_topic('/front/image_raw')) == 1


def test_no_simulated_arm_joins_a_live_one(cameras: Cameras) -> None:
    cameras.arm = True
    done = robo_dopamine('up', '--without', 'teleop')
    assert done.returncode == 2, done.stdout
    assert '/current_pose is published already by /watcher: ' in done.stderr


def test_a_namespace_of_its_own_is_enough(cameras: Cameras) -> None:
    done = robo_dopamine('up', '--dry-run', '--namespace', 'left')
    assert done.returncode == 0, done.stderr


def test_what_a_cell_alone_may_publish() -> None:
    assert set(sole_topics([Process('reward')])) == {'progress', 'reward'}
    assert {'front/image_raw', 'player/frame'} <= set(sole_topics([Process('player')]))
    assert 'teleop/command' not in sole_topics([Process('gate')])
