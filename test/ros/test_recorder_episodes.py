"""Episodes that a recorder writes as folders: of a person alone, and of a policy with its steps."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import Child
from ticking_cell import TICK, TickingCell

from robo_dopamine_ros.data.episode_folder import find_recordings, open_recording
from robo_dopamine_ros.data.trajectory import find_trajectories, load_trajectory
from robo_dopamine_ros.experience.types import Observation, Step, StepId
from robo_dopamine_ros.nodes.step_messages import step_to_msg
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg, to_time
from robo_dopamine_ros.types import (
    SECOND,
    VIEWS,
    ArmCommand,
    ArmState,
    Control,
    Mode,
    Outcome,
    Phase,
    Pose,
    RecorderStatus,
)

RECORDER = ['-m', 'robo_dopamine_ros.nodes.recorder']
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
SPEED = 0.05  # [m/s] of the target, along x


class Scene(TickingCell):
    """Cameras, an arm and a gate that follows `speed`; every picture shows how far it came."""

    def __init__(self) -> None:
        super().__init__(topics.ARM_STATE, topics.CONTROL, topics.EPISODE, topics.STEP)
        self.statuses: list[RecorderStatus] = []
        self.speed, self.mode, self.place = 0.0, Mode.HOLD, 0.4
        self.shown: list[tuple[int, int]] = []  # stamp and brightness of pictures
        self.small = ''  # a view whose camera has half the size
        self.subscribe(topics.RECORDER_STATUS, from_msg, self.statuses)

    def publish_episode(self, phase: Phase, name: str, **fields: Any) -> None:
        super().publish_episode(phase, name, task='insert', **fields)

    def publish_step(self, step: Step) -> None:
        self.publish(topics.STEP, step_to_msg(step, 'base'))

    def drive(self, way: float) -> None:
        """Have the person move the arm so far."""
        self.mode, self.speed, goal = Mode.HUMAN, SPEED, self.place + way
        self.until(lambda: self.place >= goal, 'it does not move')
        self.mode, self.speed = Mode.HOLD, 0.0

    def until_settled(self, name: str) -> None:
        self.until(
            lambda: bool(self.statuses) and self.statuses[-1].ended_episode == name,
            f'{self.statuses[-1:]}',
        )

    def _tick(self) -> None:
        stamp = self.stamp
        self.place += self.speed * TICK
        pose = Pose(np.array([self.place, 0.0, 0.2]), DOWN)
        twist = np.array([self.speed, 0, 0, 0, 0, 0])
        sent = ArmCommand(stamp, twist, gripper=0.25)
        control = Control(stamp, self.mode, False, '', '', sent, pose, twist)
        state = ArmState(
            *(stamp, pose, twist, np.zeros(7), np.zeros(7), tuple('abcdefg'), 0.25),
            wrench=np.zeros(6),
        )
        self.publish(topics.CONTROL, to_msg(control, 'base'))
        self.publish(topics.ARM_STATE, to_msg(state, 'base'))
        if self._number % 3 == 0:
            brightness = self._number % 200
            self.shown.append((stamp, brightness))
            for view in VIEWS:
                size = (24, 32, 3) if view == self.small else (48, 64, 3)
                self.publish_image(view, np.full(size, brightness, np.uint8), stamp)


@pytest.fixture
def scene(domain: int) -> Iterator[Scene]:
    with Scene() as scene:
        yield scene


@pytest.fixture
def start(domain: int, scene: Scene, tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Start a recorder that writes episodes alone, and wait until it listens."""
    children: list[Child] = []

    def start(*parameters: str) -> Child:
        children.append(Child(RECORDER, f'folder:={tmp_path}', 'layout:=images', *parameters))
        scene.until(lambda: scene.said('recorder: episodes') == 'ok', 'no recorder')
        scene.until(lambda: scene.said('recorder: camera front') == 'ok', 'no pictures')
        return children[-1]

    yield start
    for child in children:
        child.kill()


def mark(scene: Scene, label: str, stamp: int = 0) -> Any:
    request = topics.MARK_KEYFRAME.type.Request(label=label, stamp=to_time(stamp))
    return scene.call(topics.MARK_KEYFRAME, request)


def brightness_error(scene: Scene, folder: Path, stamps: np.ndarray) -> float:
    """Time between each moment and the picture that stands for it, at most [s]."""
    at = {bright: stamp for stamp, bright in scene.shown}
    seen = [round(views.images['front'].mean()) for views in open_recording(folder).play()]
    return max(abs(at[b] - s) for b, s in zip(seen, stamps, strict=True)) / SECOND


def test_what_a_person_shows_is_a_demonstration(scene, start, tmp_path) -> None:
    recorder = start()
    assert mark(scene, 'too early').reason == 'no episode is being recorded'
    scene.publish_episode(Phase.RUNNING, 'e0')
    scene.drive(0.06)
    marked = mark(scene, 'over the hole')
    assert (marked.accepted, marked.index) == (True, 0)
    refused = mark(scene, 'yesterday', scene.stamp - 3600 * SECOND)
    assert 'it must lie within the episode' in refused.reason
    scene.drive(0.06)
    scene.publish_episode(Phase.ENDED, 'e0', outcome=Outcome.SUCCESS, decided_by='Ada')
    scene.until_settled('e0')
    (folder,) = find_trajectories(tmp_path)
    (recording,) = find_recordings([tmp_path])
    steps = load_trajectory(folder)
    assert (recording.length, recording.views) == (len(steps) + 1, VIEWS)
    assert (recording.outcome, recording.instruction) == (Outcome.SUCCESS, 'insert')
    assert brightness_error(scene, folder, steps.stamps) == 0.0
    assert steps.states.shape == (len(steps) + 1, 15)
    assert set(steps.modes.tolist()) == {Mode.HUMAN, Mode.HOLD}
    way = (steps.twists[:, 0] * np.diff(steps.stamps) / SECOND).sum()
    assert way == pytest.approx(0.12, abs=0.01)
    np.testing.assert_allclose(np.diff(steps.states[:, 0]).sum() * 0.25, way, atol=0.01)
    names = json.loads((folder / 'annotated_keyframes.json').read_text())
    assert [entry['anotation'] for entry in names] == ['over the hole', 'subtask2']
    metadata = json.loads((folder / 'recorded.json').read_text())
    assert (metadata['decided_by'], metadata['policy_versions']) == ('Ada', [0])
    assert list(metadata['steps']) == ['hold', 'human']
    scene.publish_episode(Phase.RUNNING, 'e1')
    scene.drive(0.03)
    scene.publish_episode(Phase.ENDED, 'e1', outcome=Outcome.FAILURE, decided_by='Ada')
    scene.until_settled('e1')
    assert find_trajectories(tmp_path) == [folder]
    scene.publish_episode(Phase.RUNNING, 'e2')
    scene.until(lambda: (tmp_path / '.e2.part').exists(), 'it does not record')
    code, _ = recorder.interrupt()
    assert code == 0
    assert [path.name for path in tmp_path.iterdir()] == ['e0']


def test_what_a_policy_tells_is_written_as_it_was_told(scene, start, tmp_path) -> None:
    start('episodes:=all', 'max_duration:=4.0')
    scene.publish_episode(Phase.RUNNING, 'e0')
    before = len(scene.shown)
    scene.until(lambda: len(scene.shown) > before + 12, 'no pictures')
    frames = [
        Observation(stamp + 7_000_000, np.zeros(3, np.float16), np.full(15, number, np.float32))
        for number, (stamp, _) in enumerate(scene.shown[-9:-1])
    ]
    twist = np.array([0.01, 0, 0, 0, 0, 0])
    told = [
        Step(StepId('live', 1, n), 'e0', *frames[n : n + 2], Mode.POLICY, twist, 0.5, 0.5, 3)
        for n in range(7)
    ]
    for step in (*told[:4], *told):
        scene.publish_step(step)
    scene.publish_episode(Phase.ENDED, 'e0', outcome=Outcome.TIME_LIMIT, decided_by='clock')
    scene.until_settled('e0')
    saved = load_trajectory(tmp_path / 'e0')
    assert saved.stamps.tolist() == [frame.stamp for frame in frames]
    assert saved.modes.tolist() == 7 * [Mode.POLICY]
    assert brightness_error(scene, tmp_path / 'e0', saved.stamps) <= 0.1
    metadata = json.loads((tmp_path / 'e0' / 'recorded.json').read_text())
    assert metadata['missing'] == 'its last steps', 'none reached the end'
    scene.publish_episode(Phase.RUNNING, 'e1')
    begun = scene.stamp
    scene.drive(0.25)
    scene.publish_episode(Phase.ENDED, 'e1', outcome=Outcome.SUCCESS, decided_by='Ada')
    scene.until_settled('e1')
    recording = open_recording(tmp_path / 'e1')
    assert recording.outcome is Outcome.NONE
    assert load_trajectory(tmp_path / 'e1').stamps[-1] - begun <= 4.1 * SECOND
    cut = 'e1 lacks what came after 4 s'
    scene.until(lambda: scene.said('recorder: episodes') == cut, 'no diagnostics')


def test_where_nothing_can_be_written_it_says_so_until_it_can(scene, start, tmp_path) -> None:
    folder = tmp_path / 'episodes'
    start(f'folder:={folder}')
    folder.rmdir()
    folder.write_text('in the way')
    scene.publish_episode(Phase.RUNNING, 'e0')
    scene.until(lambda: 'Not a directory' in scene.statuses[-1].reason, f'{scene.statuses[-1:]}')
    scene.until(lambda: 'make it writable' in scene.said('recorder: episodes'), 'no diagnostics')
    scene.publish_episode(Phase.ENDED, 'e0', outcome=Outcome.SUCCESS, decided_by='Ada')
    scene.until_settled('e0')
    folder.unlink()
    scene.until(lambda: scene.statuses[-1].reason == '', f'{scene.statuses[-1:]}')
    scene.publish_episode(Phase.RUNNING, 'e1')
    scene.drive(0.05)
    scene.publish_episode(Phase.ENDED, 'e1', outcome=Outcome.SUCCESS, decided_by='Ada')
    scene.until_settled('e1')
    assert [path.name for path in find_trajectories(folder)] == ['e1']


def test_a_camera_that_comes_back_smaller_leaves_the_demonstration_whole(
    scene, start, tmp_path
) -> None:
    start('layout:=videos')
    scene.publish_episode(Phase.RUNNING, 'e0')
    scene.drive(0.05)
    scene.small = 'left_wrist'
    scene.drive(0.05)
    scene.publish_episode(Phase.ENDED, 'e0', outcome=Outcome.SUCCESS, decided_by='Ada')
    scene.until_settled('e0')
    (recording,) = find_recordings([tmp_path])
    sizes = {views.images['left_wrist'].shape for views in recording.play()}
    assert sizes == {(48, 64, 3)}
    said = 'e0: images of left_wrist came as 32x24 and were scaled to 64x48, as before'
    scene.until(lambda: scene.said('recorder: episodes') == said, 'no warning')


def test_a_corrected_outcome_is_the_one_that_is_stored(scene, start, tmp_path) -> None:
    start('episodes:=all')
    scene.publish_episode(Phase.RUNNING, 'e0')
    scene.drive(0.06)
    scene.publish_episode(Phase.ENDED, 'e0', decided_by='Ada')
    ended = scene.episode_state
    heard = len(scene.statuses)
    scene.until(lambda: len(scene.statuses) > heard + 10, 'the recorder is silent')  # for 2 s
    assert scene.statuses[-1].ended_episode == '', 'nothing is stored before it is final'
    final = replace(ended, outcome=Outcome.FAILURE, decided_by='Bob')
    scene.publish(topics.EPISODE, to_msg(final))
    scene.until_settled('e0')
    (recorded,) = tmp_path.glob('*/recorded.json')
    metadata = json.loads(recorded.read_text())
    assert (metadata['outcome'], metadata['decided_by']) == ('failure', 'Bob')
