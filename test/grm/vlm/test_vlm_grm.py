"""The cached, speculative path answers like the reference, and never from stale caches."""

import math

import numpy as np
import pytest
import torch
from _grm_reference import TransformersReference
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.decoding import TreeDecoder
from robo_dopamine_ros.grm.vlm.engine import KeyValues, TokenChunk
from robo_dopamine_ros.grm.vlm.loading import grm_from_checkpoint
from robo_dopamine_ros.grm.vlm.model import ComputeCost
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint, open_checkpoint
from robo_dopamine_ros.grm.vlm.published.family import FAMILIES
from robo_dopamine_ros.grm.vlm.query.answer_tree import BASE_PATHS
from robo_dopamine_ros.grm.vlm.query.prompt import Prompt
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.reward.session import RewardSession
from robo_dopamine_ros.types import SECOND, VIEWS, Episode, Instant, Phase, TaskContext, Views

BRIEF = Prompt('{task}: <image> to <image>. was <image><image><image> is <image><image><image>?')
SMALL = VlmSettings(size='112x112')
SETS, STEPS = 500, 10  # sets of pictures, and how many of them make an episode
BATCH = 70  # queries that the slow way takes at once


@pytest.fixture(scope='module', params=FAMILIES)
def small(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, one_thread: None
) -> PublishedCheckpoint:
    """Weights strong enough that pictures change the answer."""
    folder = tmp_path_factory.mktemp('small') / request.param
    size = random_checkpoint.RandomModelSize(layers=2, vision_layers=2, spread=0.3)
    random_checkpoint.write_random_checkpoint(folder, request.param, size, seed=2)
    return open_checkpoint(folder, 'cpu')


def views(number: int, names: tuple[str, ...] = VIEWS, side: int = 112) -> Views:
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 255, (len(names), 4, 4, 3), dtype=np.uint8)
    images = [np.kron(one, np.ones((side // 4, side // 4, 1), np.uint8)) for one in coarse]
    return Views(dict(zip(names, images, strict=True)), dict.fromkeys(names, number * SECOND))


def three(seen: Views) -> list[np.ndarray]:
    return [seen.images[view] for view in VIEWS]


def test_five_hundred_sets_of_pictures_give_the_answers_of_generate(
    small: PublishedCheckpoint,
) -> None:
    grm, reference = grm_from_checkpoint(small, BRIEF, SMALL), TransformersReference(small, BRIEF)
    queries, answers = [], []
    for episode in range(SETS // STEPS):
        first = 100 * episode
        start, goal, last = views(first), views(first + 1), None
        grm.reset(TaskContext('tidy up', start, goal))
        for step in range(STEPS):
            now = views(first + 2 + step)
            assert grm.step(now).valid
            grm.prepare_next()
            ends = [start.images['front'], goal.images['front']]
            for name, before in (('backward', goal), ('forward', start), ('incremental', last)):
                if before is not None:
                    queries.append(ends + three(before) + three(now))
                    answers.append(grm.answers[name].path)
            last = now
    written = [
        path
        for place in range(0, len(queries), BATCH)
        for path in reference.generate_constrained('tidy up', queries[place : place + BATCH])
    ]
    assert answers == written
    assert len(set(answers)) > 10, 'the answers are too much alike to prove anything'


def test_logits_are_those_of_the_full_forward_pass(
    opened: PublishedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    grm, reference = grm_from_checkpoint(opened, BRIEF, SMALL), TransformersReference(opened, BRIEF)
    kept = []
    engine = grm._engine

    class Keeping:
        def __getattr__(self, name: str) -> object:
            return getattr(engine, name)

        def decode(
            self, chunk: TokenChunk, past: KeyValues | None = None
        ) -> tuple[torch.Tensor, KeyValues]:
            logits, new = engine.decode(chunk, past)
            kept.append(logits)
            return logits, new

    monkeypatch.setattr(grm._decoder, '_engine', Keeping())
    start, goal, last, now = (views(number) for number in range(4))
    grm.reset(TaskContext('tidy up', start, goal))
    for seen in (last, now):
        grm.step(seen)
    ends = [start.images['front'], goal.images['front']]
    queries = [ends + three(before) + three(now) for before in (goal, start, last)]
    wide = next(one for one in reversed(kept) if one.shape[1] > len(BASE_PATHS))
    rows = wide[:, -(len(BASE_PATHS) + 12) :]
    for path in ('', '+', '-', '+3', '-0', '+10'):
        place = 1 if path == '' else 2 + BASE_PATHS.index(path)
        assert (rows[:, place] - reference.logits('tidy up', queries, path)).abs().max() < 1e-4


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just('task'), st.sampled_from(['tidy up', 'open it', 'stack'])),
        st.tuples(st.just('goal'), st.sampled_from([None, 1, 2])),
        st.tuples(st.just('start'), st.integers(3, 5)),
        st.tuples(st.just('step'), st.integers(6, 9)),
        st.tuples(st.just('rest'), st.none()),
        st.tuples(st.just('dim'), st.integers(6, 9)),
    ),
    min_size=3,
    max_size=9,
)


@given(moves=MOVES)
@settings(max_examples=15, deadline=None)
def test_nothing_stale_is_used_whatever_changes_in_whatever_order(
    small: PublishedCheckpoint, moves: list[tuple[str, object]]
) -> None:
    old = grm_from_checkpoint(small, BRIEF, SMALL)
    told: dict[str, object] = {'task': 'tidy up', 'goal': 1, 'start': 3}
    last: Views | None = None

    def context() -> TaskContext:
        goal = None if told['goal'] is None else views(int(str(told['goal'])))
        return TaskContext(str(told['task']), views(int(str(told['start']))), goal)

    old.reset(context())
    for move, what in moves:
        if move in told:
            told[move], last = what, None
            old.reset(context())
        elif move == 'rest':
            old.prepare_next()
        else:
            now = views(int(str(what)), VIEWS if move == 'step' else VIEWS[:2])
            fresh = grm_from_checkpoint(small, BRIEF, SMALL)
            fresh.reset(context())
            if last is not None:
                fresh.step(last)
            assert old.step(now) == fresh.step(now)
            last = now


@pytest.mark.parametrize('decimals', [True, False])
def test_a_step_costs_three_pictures_and_one_pass(
    small: PublishedCheckpoint, decimals: bool
) -> None:
    grm = grm_from_checkpoint(small, BRIEF, VlmSettings(size='112x112', decimals=decimals))
    grm.reset(TaskContext('tidy up', views(0), views(1)))
    layout = grm._processor.layout_for('tidy up')
    grm.step(views(2))
    grm.prepare_next()
    before = grm.cost
    grm.step(views(3))
    grm.prepare_next()
    spent = ComputeCost(*(late - early for late, early in zip(grm.cost, before, strict=True)))
    rows = len(layout.after.ids) + 2 + len(BASE_PATHS) + (10 if decimals else 0)
    assert (spent.images, spent.prefetch_tokens) == (3, len(layout.before.ids))
    assert spent.tokens == 3 * (rows + spent.decode_steps)
    assert decimals or spent.decode_steps == 0


def test_without_a_goal_there_is_no_backward_hop(small: PublishedCheckpoint) -> None:
    grm = grm_from_checkpoint(small, BRIEF, SMALL)
    grm.reset(TaskContext('tidy up', views(0)))
    first, second = grm.step(views(1)), grm.step(views(2))
    assert (first.backward, second.backward) == (None, None)
    assert (first.incremental, set(grm.answers)) == (0.0, {'forward', 'incremental'})


def test_one_camera_stands_for_all_three(small: PublishedCheckpoint) -> None:
    alone = grm_from_checkpoint(small, BRIEF, VlmSettings(size='112x112', views=('front',)))
    usual = grm_from_checkpoint(small, BRIEF, SMALL)
    hops = []
    for grm, names in ((alone, ('front',)), (usual, VIEWS)):
        shown = [views(number, ('front',)).images['front'] for number in range(3)]
        start, goal, now = (Views(dict.fromkeys(names, s), dict.fromkeys(names, 0)) for s in shown)
        grm.reset(TaskContext('tidy up', start, goal))
        hops.append(grm.step(now))
    assert hops[0] == hops[1]


def test_a_goal_seen_from_the_front_alone_stands_in_all_three_places(
    small: PublishedCheckpoint,
) -> None:
    front = views(1, ('front',))
    three_times = Views(dict.fromkeys(VIEWS, front.images['front']), dict.fromkeys(VIEWS, 0))
    hops = []
    for goal in (front, three_times):
        grm = grm_from_checkpoint(small, BRIEF, SMALL)
        grm.reset(TaskContext('tidy up', views(0), goal))
        hops.append(grm.step(views(2)))
    assert hops[0] == hops[1]


def test_expectation_tells_its_doubt(small: PublishedCheckpoint) -> None:
    grm = grm_from_checkpoint(small, BRIEF, VlmSettings(size='112x112', readout='expectation'))
    grm.reset(TaskContext('tidy up', views(0), views(1)))
    hops = grm.step(views(2))
    assert 0.0 < hops.familiarity < 1.0
    assert grm.cost.decode_steps == 0
    assert all(one.std > 0 for one in grm.answers.values())


def test_unusable_input_is_refused_with_a_reason(small: PublishedCheckpoint) -> None:
    grm = grm_from_checkpoint(small, BRIEF, SMALL)
    with pytest.raises(RuntimeError, match='step before reset'):
        grm.step(views(0))
    with pytest.raises(ValueError, match='has no words'):
        grm.reset(TaskContext('  ', views(0)))
    with pytest.raises(ValueError, match="'front' must be among them"):
        grm.reset(TaskContext('tidy up', views(0, ('left_wrist',))))
    long = np.zeros((112, 336, 3), np.uint8)
    with pytest.raises(ValueError, match=r'of 336x112 px becomes \d+x\d+, the model takes \d+x\d+'):
        grm.reset(TaskContext('tidy up', Views({'front': long}, {'front': 0})))
    grm.reset(TaskContext('tidy up', views(0), views(1)))
    blind = grm.step(views(1, ('left_wrist',)))
    assert (blind.valid, blind.reason) == (False, 'no view front')


def test_non_finite_logits_or_a_full_memory_give_no_reading_and_recover(
    small: PublishedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    grm = grm_from_checkpoint(small, BRIEF, SMALL)
    session = RewardSession(grm)
    session.on_episode(Episode('a', task='tidy up', phase=Phase.RUNNING, stamp=1))
    read = grm._engine.decode

    def not_finite(
        chunk: TokenChunk, past: KeyValues | None = None
    ) -> tuple[torch.Tensor, KeyValues]:
        logits, new = read(chunk, past)
        return logits * math.nan, new

    def full(*_: object) -> tuple[torch.Tensor, KeyValues]:
        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')

    def update(number: int) -> tuple[bool, str]:
        reading, _ = session.update(views(number), {}, Instant(number * SECOND, number * SECOND))
        return reading.valid, reading.reason

    assert update(1) == (True, '')
    monkeypatch.setattr(grm._engine, 'decode', not_finite)
    valid, reason = update(2)
    assert not valid
    assert 'nothing finite' in reason
    monkeypatch.setattr(grm._engine, 'decode', full)
    valid, reason = update(3)
    assert not valid
    assert 'memory of the GPU is full' in reason
    session.prepare_next()
    monkeypatch.setattr(grm._engine, 'decode', read)
    assert update(4) == (True, '')


def test_a_full_memory_error_names_remedies(
    small: PublishedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    grm = grm_from_checkpoint(small, BRIEF, SMALL)
    grm.reset(TaskContext('tidy up', views(0)))

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')

    monkeypatch.setattr(TreeDecoder, 'decode', full)
    with pytest.raises(ModelError, match='take a smaller model or precision'):
        grm.step(views(1))


def test_an_answer_is_remembered_for_one_episode_only(small: PublishedCheckpoint) -> None:
    grm = grm_from_checkpoint(small, BRIEF, SMALL)
    grm.reset(TaskContext('tidy up', views(0), views(1)))
    grm.step(views(2))
    assert grm._decoder._last
    grm.reset(TaskContext('tidy up', views(0), views(1)))
    assert not grm._decoder._last


def test_a_grey_picture_stands_for_a_camera_that_gives_nothing(small: PublishedCheckpoint) -> None:
    grm = grm_from_checkpoint(small, BRIEF, SMALL)
    grm.reset(TaskContext('tidy up', views(0), views(1)))
    dim = grm.step(views(2, VIEWS[:2]))
    grey = dict(views(2, VIEWS[:2]).images) | {'right_wrist': np.full((112, 112, 3), 128, np.uint8)}
    grm.reset(TaskContext('tidy up', views(0), views(1)))
    assert grm.step(Views(grey, dict.fromkeys(VIEWS, 2 * SECOND))) == dim
