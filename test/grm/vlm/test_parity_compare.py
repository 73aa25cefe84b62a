"""Comparison of two models, and the verb `compare`."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robo_dopamine_ros.cli import compare as verb
from robo_dopamine_ros.data.episode_folder import open_recording, save_recording
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.loading import grm_from_checkpoint
from robo_dopamine_ros.grm.vlm.model import VlmGRM
from robo_dopamine_ros.grm.vlm.parity.compare import ParityPlan, UnbatchedEngine, compare
from robo_dopamine_ros.grm.vlm.parity.report import TOLERANCES
from robo_dopamine_ros.grm.vlm.parity.samples import QUESTIONS_PER_PAIR, draw_pairs, sample_episode
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint, open_checkpoint
from robo_dopamine_ros.grm.vlm.published.family import FAMILIES
from robo_dopamine_ros.grm.vlm.query.prompt import Prompt
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.reward.episode_parity import episode_parity
from robo_dopamine_ros.types import SECOND, VIEWS, Hops, Recording, TaskContext, Views

WORDS = '{task}: <image> to <image>. was <image><image><image> is <image><image><image>?'
SMALL = VlmSettings(size='112x112')
PLAN = ParityPlan(questions=40, frames=5)


@pytest.fixture(scope='module', params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights strong enough that pictures change the answer."""
    place: Path = tmp_path_factory.mktemp('compared') / request.param
    size = random_checkpoint.RandomModelSize(layers=2, vision_layers=2, spread=0.3)
    random_checkpoint.write_random_checkpoint(place, request.param, size, seed=2)
    return place


@pytest.fixture(scope='module')
def checkpoint(folder: Path) -> PublishedCheckpoint:
    return open_checkpoint(folder, 'cpu')


def grm(checkpoint: PublishedCheckpoint) -> VlmGRM:
    return grm_from_checkpoint(checkpoint, Prompt(WORDS), SMALL)


def scene(number: int) -> Views:
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 255, (3, 4, 4, 3), dtype=np.uint8)
    images = [np.kron(one, np.ones((28, 28, 1), np.uint8)) for one in coarse]
    return Views(dict(zip(VIEWS, images, strict=True)), dict.fromkeys(VIEWS, number * SECOND))


def recording(name: str = 'push', length: int = 9) -> Recording:
    def play(size: Any = None, stride: int = 1, start: int = 0, stop: int | None = None) -> Any:
        return map(scene, range(start, stop or length, stride))

    return Recording(name, 10.0, length, VIEWS, play, (0, length - 1), instruction='tidy up')


class ConstantGrm:
    """A GRM with constant hops that records the stamps it is asked about."""

    views: tuple[str, ...] = VIEWS

    def __init__(self, name: str, hop: float, refuses: frozenset[int] = frozenset()) -> None:
        self.name, self.begun, self.asked = name, 0, list[int]()
        self._hop, self._refuses = hop, refuses

    def reset(self, context: TaskContext) -> None:
        self.begun += 1

    def step(self, views: Views) -> Hops:
        self.asked.append(views.stamp)
        valid = len(self.asked) not in self._refuses
        return Hops(self._hop, self._hop, self._hop - 1.0, valid=valid)

    def prepare_next(self) -> None:
        """There is nothing to do."""


def test_both_get_the_same_questions_as_often_as_planned() -> None:
    first, second = ConstantGrm('a', 0.2), ConstantGrm('b', 0.3)
    found = compare(
        first, second, [recording(), recording('pull')], PLAN, TOLERANCES['int8'], episode_parity
    )
    assert first.asked == second.asked
    assert first.begun == 8 + 2  # pairs of looks and episodes
    assert found.hops.questions == 40
    assert {name: one.questions for name, one in found.perspectives.items()} == {
        'incremental': 8,
        'forward': 16,
        'backward': 16,
    }
    assert found.hops.mae == pytest.approx(10)
    assert (found.hops.divergence, found.noise) == (None, None)
    assert [episode.name for episode in found.episodes] == ['push', 'pull']
    assert found.failures == ('mean error of hops [%]: 10, at most 2',)


def test_a_reading_that_only_one_of_them_gives_is_lost_or_unread() -> None:
    plan = replace(PLAN, questions=5)
    found = compare(
        ConstantGrm('a', 0.2, frozenset({1})),
        ConstantGrm('b', 0.2),
        [recording()],
        plan,
        TOLERANCES['fp8'],
        episode_parity,
    ).hops
    assert (found.questions, found.lost, found.unread) == (5, pytest.approx(2 / 5), 0)
    found = compare(
        ConstantGrm('a', 0.2),
        ConstantGrm('b', 0.2, frozenset({2})),
        [recording()],
        plan,
        TOLERANCES['fp8'],
        episode_parity,
    ).hops
    assert (found.lost, found.unread) == (0, pytest.approx(3 / 5))


def test_the_same_seed_draws_the_same_pairs() -> None:
    episode = sample_episode(recording(), 6)

    def drawn(seed: int) -> list[tuple[int, ...]]:
        rng = np.random.default_rng(seed)
        fronts = {id(views.images): number for number, views in enumerate(episode.views)}
        pairs = draw_pairs(episode, 300, rng)
        return [tuple(fronts[id(views.images)] for views in pair) for pair in pairs]

    pairs = drawn(3)
    assert pairs == drawn(3) != drawn(4)
    assert set(pairs) == {(a, b) for a in range(6) for b in range(6) if a != b}
    onward = sum(before < after for before, after in pairs)
    assert 100 < onward < 200


def test_frames_lie_evenly_between_the_annotated_ends() -> None:
    made = replace(recording(length=30), span=(3, 23))
    fronts = [views.images['front'] for views in sample_episode(made, 5).views]
    wanted = [scene(frame).images['front'] for frame in (3, 8, 13, 18, 23)]
    assert all(map(np.array_equal, fronts, wanted))
    assert len(sample_episode(replace(made, span=(3, 5)), 60).views) == 3
    with pytest.raises(ValueError, match=r'push: span 4\.\.4; it needs two frames or more'):
        sample_episode(replace(made, span=(4, 4)))
    with pytest.raises(ValueError, match=r'push: 4 of 5 samples could be read from frames 3\.\.31'):
        sample_episode(
            replace(made, span=(3, 31), play=lambda start, stop: map(scene, range(3, 30))), 5
        )


def test_a_plan_asks_something() -> None:
    with pytest.raises(ValueError, match='questions = 0; it must be 1 or more'):
        ParityPlan(questions=0)
    with pytest.raises(ValueError, match='frames = 1; it must be 2 or more'):
        ParityPlan(frames=1)
    with pytest.raises(ValueError, match='no recordings; compare needs one or more'):
        compare(
            ConstantGrm('a', 0), ConstantGrm('b', 0), [], PLAN, TOLERANCES['fp8'], episode_parity
        )


def test_a_model_agrees_with_itself_whatever_the_batch(checkpoint: PublishedCheckpoint) -> None:
    found = compare(
        grm(checkpoint), grm(checkpoint), [recording()], PLAN, TOLERANCES['fp8'], episode_parity
    )
    assert found.passed, found.failures
    assert (found.hops.mae, found.hops.exact, found.hops.divergence) == (0, 1, 0)
    assert found.noise is not None
    assert found.noise.questions == 2 * QUESTIONS_PER_PAIR
    assert (found.noise.mae, found.noise.exact) == (0, 1)
    assert found.noise.divergence is not None
    assert 0 <= found.noise.divergence < 1e-6


def test_the_unbatched_engine_gives_what_the_batch_gives(checkpoint: PublishedCheckpoint) -> None:
    together, alone = grm(checkpoint), grm(checkpoint).with_engine(UnbatchedEngine)
    episode = sample_episode(recording(), 4)
    for model in (together, alone):
        model.reset(episode.context)
    for views in episode.views:
        assert together.step(views) == alone.step(views)
        for row, (_, logits) in together.answer_logits.items():
            assert torch.allclose(logits, alone.answer_logits[row][1], atol=1e-4)


@pytest.fixture
def files(folder: Path, tmp_path: Path) -> list[str]:
    (tmp_path / 'prompt.txt').write_text(WORDS)
    save_recording(recording(), tmp_path / 'push', 'images')
    assert open_recording(tmp_path / 'push').length == 9
    words = [str(folder), '--against', str(folder), str(tmp_path / 'push'), '--frames', '4']
    prompt = str(tmp_path / 'prompt.txt')
    return [*words, '--pairs', '20', '--size', '112x112', '--prompt', prompt]


def run(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return verb.run(parser.parse_args(words))


def test_a_checkpoint_equals_itself(
    files: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run([*files, '--json'])
    facts = json.loads(capsys.readouterr().out)
    assert facts['candidate'] == facts['reference'] == f'{folder}, engine auto'
    assert facts['hops']['questions'] == 20
    assert (facts['hops']['mae'], facts['hops']['exact']) == (0, 1)
    assert facts['gates'] == {'mae': 1.0, 'flips': 0.005, 'voc_drop': 0.01}
    assert code == (0 if facts['passed'] else 1)
    run([*files, '--tolerances', 'int8', '--no-noise'])
    table = capsys.readouterr().out
    assert 'push' in table
    assert 'noise' not in table
