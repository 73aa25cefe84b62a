"""The reward node with a vision-language model: valid and invalid readings."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from processes import EPISODE_MANAGER, HERE, Child, Watcher
from robo_dopamine.msg import View

from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.query.prompt import short_prompt
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.images import image_to_msg
from robo_dopamine_ros.types import VIEWS, Outcome

CAMERA = str(HERE / 'camera_process.py')
NODE = ['-m', 'robo_dopamine_ros.nodes.reward']


@pytest.fixture
def cell(domain: int, tmp_path: Path) -> Iterator[tuple[Watcher, Child]]:
    """Cameras of 64x48 px, an episode manager, and a reward node with random weights."""
    random_checkpoint.write_random_checkpoint(
        tmp_path / 'grm', 'qwen2_5_vl', random_checkpoint.RandomModelSize(layers=2, vision_layers=2)
    )
    prompt = tmp_path / 'prompt.txt'
    prompt.write_text(short_prompt().text, encoding='utf-8')
    children = [Child([CAMERA, view]) for view in VIEWS]
    children.append(Child(EPISODE_MANAGER))
    told = (f'model:={tmp_path / "grm"}', f'vlm.prompt:={prompt}', 'vlm.size:=64x48')
    node = Child(NODE, *told, 'rate:=5.0')
    try:
        with Watcher() as watcher:
            yield watcher, node
    finally:
        for child in (*children, node):
            child.kill()


def goal_of(watcher: Watcher, height: int, width: int) -> None:
    """Tell the node how the finished task looks."""
    picture = np.full((height, width, 3), 200, np.uint8)
    request = topics.SET_TASK.type.Request(instruction='make it white')
    request.goal = [View(name='front', image=image_to_msg(picture, 1, 'front'))]
    assert watcher.call(topics.SET_TASK, request).accepted


def episode(watcher: Watcher) -> int:
    """Begin another one; gives how many readings there were before."""
    if watcher.episode.phase == watcher.episode.phase.RUNNING:
        watcher.end_episode(Outcome.ABORTED, 'a test', 20.0, lambda: None)
    count = len(watcher.readings)
    watcher.start_episode('make it white', 20.0, lambda: None)
    return count


def test_valid_and_invalid_readings(cell: tuple[Watcher, Child]) -> None:
    watcher, node = cell
    watcher.until(lambda: watcher.said('reward: reward') != '', 'the node did not come up')
    goal_of(watcher, 48, 64)
    since = episode(watcher)
    watcher.until(
        lambda: sum(one.valid for one in watcher.readings[since:]) >= 3, 'no valid readings'
    )
    told = [one for one in watcher.readings[since:] if one.valid]
    assert all(0.0 <= one.progress <= 1.0 and one.model == 'grm' for one in told)
    assert not any(np.isnan(one.backward) for one in told)

    goal_of(watcher, 48, 192)  # no camera of this cell takes such pictures
    since = episode(watcher)
    watcher.until(
        lambda: any(
            'load or export it with the size' in r.reason for r in watcher.readings[since:]
        ),
        'a goal of another size was not named',
    )
    assert not any(one.valid for one in watcher.readings[since:])

    goal_of(watcher, 48, 64)
    since = episode(watcher)
    watcher.until(
        lambda: any(one.valid for one in watcher.readings[since:]), 'the node did not recover'
    )
    assert node.popen.poll() is None


def test_a_checkpoint_that_cannot_be_opened_is_named(domain: int, tmp_path: Path) -> None:
    random_checkpoint.write_random_checkpoint(tmp_path / 'grm', 'qwen3_vl')
    weights = tmp_path / 'grm' / 'model.safetensors'
    weights.write_bytes(weights.read_bytes()[:1000])
    prompt = tmp_path / 'prompt.txt'
    prompt.write_text(short_prompt().text, encoding='utf-8')
    node = Child(NODE, f'model:={tmp_path / "grm"}', f'vlm.prompt:={prompt}')
    try:
        code, errors = node.wait()
    finally:
        node.kill()
    assert code != 0
    assert 'cannot load the model' in errors
    assert 'model.safetensors' in errors
