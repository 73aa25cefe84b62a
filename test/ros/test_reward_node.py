"""The reward node as a process, under every fault of its cameras."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest
from processes import EPISODE_MANAGER, HERE, REWARD, Child, Watcher
from robo_dopamine.msg import View

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.images import image_to_msg
from robo_dopamine_ros.types import VIEWS, Outcome

CAMERA = str(HERE / 'camera_process.py')
GREY = 128 / 255
FAULTS = {
    'encoding': 'refused pictures: encoding',
    'step': 'refused pictures: step',
    'size': 'refused pictures: length',
    'zero': 'refused pictures: stamp is zero',
    'backwards': 'refused pictures: stamp is not newer than the one before',
    'future': 'refused pictures: stamp is in the future',
}


@dataclass
class RewardCell:
    """Cameras, a reward node, an episode manager and their messages."""

    watcher: Watcher
    cameras: dict[str, Child]
    reward: Child
    episode_manager: Child

    def settled(self) -> bool:
        readings = self.watcher.readings
        return bool(readings) and readings[-1].valid and abs(readings[-1].progress - GREY) < 1e-3

    def healthy(self, view: str) -> bool:
        return self.watcher.said(f'reward: camera {view}') == 'ok'

    def start(self) -> None:
        self.watcher.start_episode('make it white', 20.0, lambda: None)
        self.watcher.until(self.settled, 'no steady readings')

    def end(self, outcome: Outcome = Outcome.ABORTED) -> None:
        self.watcher.end_episode(outcome, 'a test', 20.0, lambda: None)

    def restart(self, view: str) -> None:
        self.cameras[view] = Child([CAMERA, view])
        self.watcher.until(lambda: self.healthy(view), f'{view} did not recover')

    def mark(self) -> tuple[int, int]:
        """Numbers of readings and rewards so far."""
        return len(self.watcher.readings), len(self.watcher.rewards)

    def nothing_false_since(self, mark: tuple[int, int]) -> None:
        """Assert that no white image changed the progress or gave a reward."""
        readings, rewards = mark
        for reading in self.watcher.readings[readings:]:
            assert abs(reading.progress - GREY) < 1e-2, reading
        for reward in self.watcher.rewards[rewards:]:
            assert abs(reward.potential - reward.previous_potential) < 1e-2, reward


@pytest.fixture
def scene(domain: int) -> Iterator[RewardCell]:
    cameras = {view: Child([CAMERA, view]) for view in VIEWS}
    reward, episode_manager = Child(REWARD, 'model:=fake'), Child(EPISODE_MANAGER)
    with Watcher() as watcher:
        scene = RewardCell(watcher, cameras, reward, episode_manager)
        try:
            yield scene
        finally:
            for child in (*scene.cameras.values(), reward, episode_manager):
                child.kill()


def test_faults_of_a_camera_are_named_and_never_rewarded(scene: RewardCell) -> None:
    scene.start()
    for fault, text in FAULTS.items():
        mark = scene.mark()
        scene.cameras['front'].say(fault)
        named = lambda text=text: scene.watcher.said('reward: camera front').startswith(text)  # noqa: E731
        scene.watcher.until(named, f'{fault} was not named {text!r}')
        scene.nothing_false_since(mark)
        assert scene.watcher.readings[-1].valid, 'the other two views go on'
        scene.cameras['front'].say('')
        scene.watcher.until(lambda: scene.healthy('front'), f'no recovery from {fault}')
    assert scene.reward.popen.poll() is None


def test_a_camera_may_fail_and_recover(scene: RewardCell) -> None:
    scene.start()
    for view in VIEWS:
        mark = scene.mark()
        scene.cameras[view].kill()
        dead = f'reward: camera {view}'
        scene.watcher.until(
            lambda d=dead: 'late by' in scene.watcher.said(d), 'death was not named'
        )
        scene.nothing_false_since(mark)
    scene.watcher.until(lambda: not scene.watcher.readings[-1].valid, 'a reading of nothing')
    blind = scene.watcher.readings[-1]
    assert blind.reason.startswith('front: late by ')
    assert blind.confidence == 0.0
    assert abs(blind.progress - GREY) < 1e-2
    paid = len(scene.watcher.rewards)
    mark = scene.mark()
    scene.watcher.until(
        lambda: len(scene.watcher.readings) > mark[0] + 5, 'silence instead of words'
    )
    assert len(scene.watcher.rewards) == paid
    for view in VIEWS:
        scene.restart(view)
    scene.watcher.until(lambda: len(scene.watcher.rewards) > paid, 'no rewards after the return')
    scene.nothing_false_since(mark)


def test_an_episode_from_start_to_reward(scene: RewardCell) -> None:
    watcher = scene.watcher
    watcher.until(lambda: bool(watcher.readings), 'no readings')
    assert watcher.readings[-1].reason == 'no episode runs'
    assert not watcher.rewards
    scene.start()
    first = next(reading for reading in watcher.readings if reading.step == 1)
    assert first.task == 'make it white'
    assert first.model == 'fake'
    assert first.forward == pytest.approx(GREY, abs=1e-3)
    assert 0.0 < first.latency < 5.0
    assert 0.0 <= first.view_skew <= 0.05
    scene.end(Outcome.SUCCESS)
    watcher.until(lambda: watcher.rewards[-1].terminated, 'the end was not paid')
    last = watcher.rewards[-1]
    assert (last.success, last.potential) == (1.0, 0.0)
    assert last.episode == first.episode
    assert [r.previous_stamp for r in watcher.rewards[1:]] == [
        r.stamp for r in watcher.rewards[:-1]
    ]
    assert scene.reward.interrupt()[0] == 0, 'Ctrl-C ends it cleanly'
    assert scene.episode_manager.interrupt()[0] == 0


def test_a_task_with_images_is_accepted_or_refused_as_a_whole(scene: RewardCell) -> None:
    black = image_to_msg(np.zeros((8, 8, 3), np.uint8), 1)
    request = topics.SET_TASK.type.Request(start=[View(name='front', image=black)])
    assert scene.watcher.call(topics.SET_TASK, request).accepted
    request.goal = [View(name='left_wrist', image=image_to_msg(np.zeros((8, 8, 3), np.uint8), 1))]
    request.goal[0].image.encoding = 'nonsense'
    refused = scene.watcher.call(topics.SET_TASK, request)
    assert not refused.accepted
    assert refused.reason.startswith("view left_wrist: unknown encoding 'nonsense'")


def test_a_truncated_jpeg_is_named_and_never_rewarded(domain: int) -> None:
    camera, episode_manager = Child([CAMERA, 'front']), Child(EPISODE_MANAGER)
    reward = Child(REWARD, 'model:=fake', 'cameras.transport:=compressed', 'cameras.views:=[front]')
    with Watcher() as watcher:
        scene = RewardCell(watcher, {'front': camera}, reward, episode_manager)
        try:
            scene.start()
            mark = scene.mark()
            camera.say('truncated')
            watcher.until(
                lambda: watcher.said('reward: camera front') == 'refused pictures: file',
                'truncation was not named',
            )
            reading = watcher.readings[-1]
            assert not reading.valid
            assert reading.reason.startswith('front: truncated JPEG of ')
            scene.nothing_false_since(mark)
            camera.say('')
            watcher.until(scene.settled, 'no recovery')
        finally:
            for child in (camera, episode_manager, reward):
                child.kill()


def test_a_model_that_cannot_be_loaded_ends_the_process(domain: int) -> None:
    code, errors = Child(REWARD, 'model:=nowhere').wait()
    assert code == 2
    assert 'cannot load the model: no model in nowhere' in errors


@pytest.mark.skipif(bool(find_spec('message_filters')), reason='message_filters is installed')
def test_a_synchronizer_that_is_not_installed_ends_the_process(domain: int) -> None:
    code, errors = Child(REWARD, 'model:=fake', 'cameras.synchronizer:=message_filters').wait()
    assert code == 2
    assert 'synchronizer = message_filters needs message_filters, which this machine' in errors


def test_a_misspelt_parameter_ends_the_process(domain: int) -> None:
    code, errors = Child(REWARD, 'modle:=fake').wait()
    assert code == 2
    assert 'no such parameter: modle' in errors
