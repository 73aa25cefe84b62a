"""The policy as a process, among parts of a cell that fall silent one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fake_cell import FakeCell, make_run, publish
from processes import Child

from robo_dopamine_ros.experience.types import ActionScale
from robo_dopamine_ros.training.config import RunDir
from robo_dopamine_ros.types import Mode, Outcome, Phase

POLICY = ['-m', 'robo_dopamine_ros.nodes.policy']


@dataclass
class Scene:
    """A run without weights, a policy in it, and all around."""

    cell: FakeCell
    policy: Child
    folder: Path
    features: int

    def publish(self, version: int) -> None:
        publish(self.folder, self.features, version)

    def act(self, name: str = 'e1') -> None:
        """Begin an episode and wait until the policy moves in it."""
        if not RunDir(self.folder).weights.exists():
            self.publish(1)
        self.wait(lambda: self.cell.holds('no episode runs'), 'it does not speak')
        self.cell.publish_episode(Phase.RUNNING, name)
        self.wait(lambda: self.acted() >= 3, 'it does not act')

    def acted(self) -> int:
        return sum(step.mode is Mode.POLICY for step in self.cell.stored)

    def wait(self, condition, failure: str) -> None:
        self.cell.until(condition, f'{failure}: {self.cell.command.reason}')


@pytest.fixture
def scene(domain: int, tmp_path: Path) -> Iterator[Scene]:
    features = make_run(tmp_path)
    policy = Child(POLICY, f'run:={tmp_path}')
    with FakeCell() as cell:
        scene = Scene(cell, policy, tmp_path, features)
        try:
            yield scene
        finally:
            scene.policy.kill()


def test_what_was_seen_and_sent_becomes_steps(scene: Scene) -> None:
    cell = scene.cell
    scene.wait(lambda: cell.holds('no episode runs'), 'it does not speak')
    cell.publish_episode(Phase.RUNNING, 'e1')
    scene.wait(lambda: cell.holds('policy.safetensors', 'no weights'), 'it needs weights')
    scene.publish(4)
    scene.wait(lambda: scene.acted() >= 15, 'it does not act')
    cell.mode = Mode.HUMAN
    people = len(cell.stored)
    scene.wait(lambda: [s.mode for s in cell.stored[people:]].count(Mode.HUMAN) > 3, 'no person')
    cell.mode = None
    before = scene.acted()
    scene.wait(lambda: scene.acted() > before + 3, 'it does not go on')
    cell.publish_episode(Phase.ENDED, 'e1', outcome=Outcome.SUCCESS, decided_by='grm')
    end_stamp = cell.episode_state.stamp
    scene.wait(lambda: cell.stored[-1].end.stamp >= end_stamp, 'the last step has no end')
    steps = list(cell.stored)
    scene.wait(lambda: cell.holds('no episode runs'), 'it goes on')
    assert [step.id.sequence for step in steps] == list(range(len(steps)))
    assert {(step.episode, step.id.epoch) for step in steps} == {('e1', steps[0].id.epoch)}
    for one, two in pairwise(steps):
        if one.end.stamp == two.begin.stamp:
            np.testing.assert_array_equal(one.end.vector, two.begin.vector)
    assert steps[-2].end.stamp < end_stamp
    assert steps[0].begin.features.size == scene.features
    assert {step.policy_version for step in steps if step.mode is Mode.POLICY} == {4}
    requested = {tuple(np.round(command.twist, 6)) for command in cell.commands if command.valid}
    lone = [s for a, s in pairwise(steps) if a.mode is s.mode is Mode.POLICY]
    full = ActionScale().encode(np.array([step.twist for step in lone]), 0.0)
    assert np.abs(full).max() <= 1.0
    assert len(requested) > 10  # it explores
    assert cell.moved > 0.0


def test_it_holds_with_the_reason_and_goes_on_by_itself(scene: Scene) -> None:
    cell = scene.cell
    scene.act()
    for part, words, innocent in (
        ('left_wrist', ['left_wrist is ', 's old'], ('front', 'right_wrist')),
        ('gate', ['is silent for', 'longer than 0.20 s'], ()),
        ('recorder', ['the recorder is silent'], ()),
    ):
        cell.mute = {part}
        held = partial(cell.holds, *words, innocent=innocent)
        scene.wait(held, f'it does not hold without {part}')
        cell.mute = set()
        scene.wait(cell.acts, 'it does not go on')
        before = len(cell.stored)
        scene.wait(lambda before=before: len(cell.stored) > before + 5, 'steps are not kept')
    assert [step.id.sequence for step in cell.stored] == list(range(len(cell.stored)))


def test_what_a_recorder_lost_is_sent_again(scene: Scene) -> None:
    scene.act()
    scene.cell.loses = True
    scene.wait(lambda: scene.cell.holds('steps behind'), 'it runs ahead')
    scene.cell.loses = False
    before = len(scene.cell.stored)
    scene.wait(lambda: len(scene.cell.stored) > before + 10, 'nothing is sent again')
    kept = [step.id.sequence for step in scene.cell.stored]
    assert kept == list(range(len(kept)))
    assert len(scene.cell.steps) > len(kept)


def test_new_weights_act_at_once_and_damaged_ones_never(scene: Scene) -> None:
    cell = scene.cell
    scene.act()
    scene.publish(7)
    scene.wait(lambda: cell.acts() and cell.command.policy_version == 7, 'the new are not used')
    path = RunDir(scene.folder).weights
    path.write_bytes(path.read_bytes()[:-100])
    cell.until(lambda: 'policy.safetensors' in cell.said('policy: policy'), 'it is not said')
    scene.wait(cell.acts, 'it holds')
    assert cell.command.policy_version == 7


def test_a_new_start_is_a_new_epoch(scene: Scene) -> None:
    scene.act()
    scene.policy.kill()
    scene.policy = Child(POLICY, f'run:={scene.folder}')
    before = scene.cell.stored[-1].id
    scene.wait(lambda: scene.cell.stored[-1].id.epoch > before.epoch, 'it does not come back')
    first = next(s.id for s in scene.cell.stored if s.id.epoch > before.epoch)
    assert first.sequence == 0


@pytest.mark.parametrize(
    ('parameter', 'text'),
    [
        ('run:=""', "run = '': it must be the folder of a run"),
        ('run:=nowhere', 'nowhere/run.json: no run of `train`'),
    ],
)
def test_what_cannot_be_is_said_in_one_line(domain: int, parameter: str, text: str) -> None:
    code, errors = Child(POLICY, parameter).wait()
    assert code == 2
    assert text in errors
    assert 'Traceback' not in errors
