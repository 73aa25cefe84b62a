"""The policy as a process, among parts of a cell that fall silent one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from policy_world import World, make_run, publish
from processes import Child

from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.steps import Scale
from robo_dopamine_ros.types import Mode, Outcome, Phase

POLICY = ['-m', 'robo_dopamine_ros.nodes.policy']


@dataclass
class Scene:
    """A run without weights, a policy in it, and all around."""

    world: World
    policy: Child
    folder: Path
    features: int

    def publish(self, version: int) -> None:
        publish(self.folder, self.features, version)

    def act(self, name: str = 'e1') -> None:
        """Begin an episode and wait until the policy moves in it."""
        if not Folder(self.folder).weights.exists():
            self.publish(1)
        self.wait(lambda: self.world.holds('no episode runs'), 'it does not speak')
        self.world.say(Phase.RUNNING, name)
        self.wait(lambda: self.acted() >= 3, 'it does not act')

    def acted(self) -> int:
        return sum(step.mode is Mode.POLICY for step in self.world.kept)

    def wait(self, condition, failure: str) -> None:
        self.world.until(condition, f'{failure}: {self.world.wish.reason}')


@pytest.fixture
def scene(domain: int, tmp_path: Path) -> Iterator[Scene]:
    features = make_run(tmp_path)
    policy = Child(POLICY, f'run:={tmp_path}')
    with World() as world:
        scene = Scene(world, policy, tmp_path, features)
        try:
            yield scene
        finally:
            scene.policy.kill()


def test_what_was_seen_and_sent_becomes_steps(scene: Scene) -> None:
    world = scene.world
    scene.wait(lambda: world.holds('no episode runs'), 'it does not speak')
    world.say(Phase.RUNNING, 'e1')
    scene.wait(lambda: world.holds('policy.safetensors', 'no weights'), 'it needs weights')
    scene.publish(4)
    scene.wait(lambda: scene.acted() >= 15, 'it does not act')
    world.mode = Mode.HUMAN
    people = len(world.kept)
    scene.wait(lambda: [s.mode for s in world.kept[people:]].count(Mode.HUMAN) > 3, 'no person')
    world.mode = None
    before = scene.acted()
    scene.wait(lambda: scene.acted() > before + 3, 'it does not go on')
    world.say(Phase.ENDED, 'e1', outcome=Outcome.SUCCESS, decided_by='grm')
    word = world.word.stamp
    scene.wait(lambda: world.kept[-1].end.stamp >= word, 'the last step has no end')
    steps = list(world.kept)
    scene.wait(lambda: world.holds('no episode runs'), 'it goes on')
    assert [step.key.sequence for step in steps] == list(range(len(steps)))
    assert {(step.episode, step.key.epoch) for step in steps} == {('e1', steps[0].key.epoch)}
    for one, two in pairwise(steps):
        if one.end.stamp == two.begin.stamp:
            np.testing.assert_array_equal(one.end.observation, two.begin.observation)
    assert steps[-2].end.stamp < word
    assert steps[0].begin.features.size == scene.features
    assert {step.policy_version for step in steps if step.mode is Mode.POLICY} == {4}
    wished = {tuple(np.round(wish.twist, 6)) for wish in world.wishes if wish.valid}
    lone = [s for a, s in pairwise(steps) if a.mode is s.mode is Mode.POLICY]
    full = Scale().action(np.array([step.twist for step in lone]), 0.0)
    assert np.abs(full).max() <= 1.0
    assert len(wished) > 10  # it explores
    assert world.moved > 0.0


def test_it_holds_with_the_reason_and_goes_on_by_itself(scene: Scene) -> None:
    world = scene.world
    scene.act()
    for part, words, innocent in (
        ('left_wrist', ['left_wrist is ', 's old'], ('front', 'right_wrist')),
        ('gate', ['is silent for', 'longer than 0.20 s'], ()),
        ('recorder', ['the recorder is silent'], ()),
    ):
        world.mute = {part}
        held = partial(world.holds, *words, innocent=innocent)
        scene.wait(held, f'it does not hold without {part}')
        world.mute = set()
        scene.wait(world.acts, 'it does not go on')
        before = len(world.kept)
        scene.wait(lambda before=before: len(world.kept) > before + 5, 'steps are not kept')
    assert [step.key.sequence for step in world.kept] == list(range(len(world.kept)))


def test_what_a_recorder_lost_is_sent_again(scene: Scene) -> None:
    scene.act()
    scene.world.loses = True
    scene.wait(lambda: scene.world.holds('steps behind'), 'it runs ahead')
    scene.world.loses = False
    before = len(scene.world.kept)
    scene.wait(lambda: len(scene.world.kept) > before + 10, 'nothing is sent again')
    kept = [step.key.sequence for step in scene.world.kept]
    assert kept == list(range(len(kept)))
    assert len(scene.world.steps) > len(kept)


def test_new_weights_act_at_once_and_damaged_ones_never(scene: Scene) -> None:
    world = scene.world
    scene.act()
    scene.publish(7)
    scene.wait(lambda: world.acts() and world.wish.policy_version == 7, 'the new are not used')
    path = Folder(scene.folder).weights
    path.write_bytes(path.read_bytes()[:-100])
    world.until(lambda: 'policy.safetensors' in world.said('policy: policy'), 'it is not said')
    scene.wait(world.acts, 'it holds')
    assert world.wish.policy_version == 7


def test_a_new_start_is_a_new_epoch(scene: Scene) -> None:
    scene.act()
    scene.policy.kill()
    scene.policy = Child(POLICY, f'run:={scene.folder}')
    before = scene.world.kept[-1].key
    scene.wait(lambda: scene.world.kept[-1].key.epoch > before.epoch, 'it does not come back')
    first = next(s.key for s in scene.world.kept if s.key.epoch > before.epoch)
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
