"""The quick way answers as the slow one, and never from anything stale."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.session import Session
from robo_dopamine_ros.reward.vlm.asking import Asker
from robo_dopamine_ros.reward.vlm.engine import KV, Chunk
from robo_dopamine_ros.reward.vlm.model import Cost
from robo_dopamine_ros.reward.vlm.opening import over_torch
from robo_dopamine_ros.reward.vlm.published import synthetic
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint, open_checkpoint
from robo_dopamine_ros.reward.vlm.published.family import FAMILIES
from robo_dopamine_ros.reward.vlm.query.prompt import Prompt
from robo_dopamine_ros.reward.vlm.query.tree import BASE
from robo_dopamine_ros.reward.vlm.reference import Reference
from robo_dopamine_ros.reward.vlm.settings import VlmSettings
from robo_dopamine_ros.types import SECOND, VIEWS, Episode, Phase, TaskContext, Views

BRIEF = Prompt('{task}: <image> to <image>. was <image><image><image> is <image><image><image>?')
SMALL = VlmSettings(size='112x112')
SETS, STEPS = 500, 10  # sets of pictures, and how many of them make an episode
BATCH = 70  # queries that the slow way takes at once


@pytest.fixture(scope='module', params=FAMILIES)
def small(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, one_thread: None
) -> Checkpoint:
    """Weights strong enough that pictures change the answer."""
    folder = tmp_path_factory.mktemp('small') / request.param
    size = synthetic.Size(layers=2, vision_layers=2, spread=0.3)
    synthetic.write(folder, request.param, size, seed=2)
    return open_checkpoint(folder, 'cpu')


def views(number: int, names: tuple[str, ...] = VIEWS, side: int = 112) -> Views:
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 255, (len(names), 4, 4, 3), dtype=np.uint8)
    images = [np.kron(one, np.ones((side // 4, side // 4, 1), np.uint8)) for one in coarse]
    return Views(dict(zip(names, images, strict=True)), dict.fromkeys(names, number * SECOND))


def three(seen: Views) -> list[np.ndarray]:
    return [seen.images[view] for view in VIEWS]


def test_five_hundred_sets_of_pictures_give_the_answers_of_generate(small: Checkpoint) -> None:
    grm, reference = over_torch(small, BRIEF, SMALL), Reference(small, BRIEF)
    queries, answers = [], []
    for episode in range(SETS // STEPS):
        first = 100 * episode
        start, goal, last = views(first), views(first + 1), None
        grm.begin(TaskContext('tidy up', start, goal))
        for step in range(STEPS):
            now = views(first + 2 + step)
            assert grm.step(now).valid
            grm.rest()
            ends = [start.images['front'], goal.images['front']]
            for name, before in (('backward', goal), ('forward', start), ('incremental', last)):
                if before is not None:
                    queries.append(ends + three(before) + three(now))
                    answers.append(grm.answers[name].path)
            last = now
    written = [
        path
        for place in range(0, len(queries), BATCH)
        for path in reference.constrained('tidy up', queries[place : place + BATCH])
    ]
    assert answers == written
    assert len(set(answers)) > 10, 'the answers are too much alike to prove anything'


def test_logits_are_those_of_the_full_forward_pass(
    opened: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    grm, reference = over_torch(opened, BRIEF, SMALL), Reference(opened, BRIEF)
    kept = []
    engine = grm._engine

    class Keeping:
        def __getattr__(self, name: str) -> object:
            return getattr(engine, name)

        def read(self, chunk: Chunk, past: KV | None = None) -> tuple[torch.Tensor, KV]:
            logits, new = engine.read(chunk, past)
            kept.append(logits)
            return logits, new

    monkeypatch.setattr(grm._asker, '_engine', Keeping())
    start, goal, last, now = (views(number) for number in range(4))
    grm.begin(TaskContext('tidy up', start, goal))
    for seen in (last, now):
        grm.step(seen)
    ends = [start.images['front'], goal.images['front']]
    queries = [ends + three(before) + three(now) for before in (goal, start, last)]
    wide = next(one for one in reversed(kept) if one.shape[1] > len(BASE))
    rows = wide[:, -(len(BASE) + 12) :]
    for path in ('', '+', '-', '+3', '-0', '+10'):
        place = 1 if path == '' else 2 + BASE.index(path)
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
    small: Checkpoint, moves: list[tuple[str, object]]
) -> None:
    old = over_torch(small, BRIEF, SMALL)
    told: dict[str, object] = {'task': 'tidy up', 'goal': 1, 'start': 3}
    last: Views | None = None

    def context() -> TaskContext:
        goal = None if told['goal'] is None else views(int(str(told['goal'])))
        return TaskContext(str(told['task']), views(int(str(told['start']))), goal)

    old.begin(context())
    for move, what in moves:
        if move in told:
            told[move], last = what, None
            old.begin(context())
        elif move == 'rest':
            old.rest()
        else:
            now = views(int(str(what)), VIEWS if move == 'step' else VIEWS[:2])
            fresh = over_torch(small, BRIEF, SMALL)
            fresh.begin(context())
            if last is not None:
                fresh.step(last)
            assert old.step(now) == fresh.step(now)
            last = now


@pytest.mark.parametrize('decimals', [True, False])
def test_a_step_costs_three_pictures_and_one_pass(small: Checkpoint, decimals: bool) -> None:
    grm = over_torch(small, BRIEF, VlmSettings(size='112x112', decimals=decimals))
    grm.begin(TaskContext('tidy up', views(0), views(1)))
    layout = grm._language.lay_out('tidy up')
    grm.step(views(2))
    grm.rest()
    before = grm.cost
    grm.step(views(3))
    grm.rest()
    spent = Cost(*(late - early for late, early in zip(grm.cost, before, strict=True)))
    rows = len(layout.after.ids) + 2 + len(BASE) + (10 if decimals else 0)
    assert (spent.pictures, spent.ahead) == (3, len(layout.before.ids))
    assert spent.tokens == 3 * (rows + spent.steps)
    assert decimals or spent.steps == 0


def test_without_a_goal_there_is_no_backward_hop(small: Checkpoint) -> None:
    grm = over_torch(small, BRIEF, SMALL)
    grm.begin(TaskContext('tidy up', views(0)))
    first, second = grm.step(views(1)), grm.step(views(2))
    assert (first.backward, second.backward) == (None, None)
    assert (first.incremental, set(grm.answers)) == (0.0, {'forward', 'incremental'})


def test_one_camera_stands_for_all_three(small: Checkpoint) -> None:
    alone = over_torch(small, BRIEF, VlmSettings(size='112x112', views=('front',)))
    usual = over_torch(small, BRIEF, SMALL)
    hops = []
    for grm, names in ((alone, ('front',)), (usual, VIEWS)):
        shown = [views(number, ('front',)).images['front'] for number in range(3)]
        start, goal, now = (Views(dict.fromkeys(names, s), dict.fromkeys(names, 0)) for s in shown)
        grm.begin(TaskContext('tidy up', start, goal))
        hops.append(grm.step(now))
    assert hops[0] == hops[1]


def test_a_goal_seen_from_the_front_alone_stands_in_all_three_places(small: Checkpoint) -> None:
    front = views(1, ('front',))
    three_times = Views(dict.fromkeys(VIEWS, front.images['front']), dict.fromkeys(VIEWS, 0))
    hops = []
    for goal in (front, three_times):
        grm = over_torch(small, BRIEF, SMALL)
        grm.begin(TaskContext('tidy up', views(0), goal))
        hops.append(grm.step(views(2)))
    assert hops[0] == hops[1]


def test_expectation_tells_its_doubt(small: Checkpoint) -> None:
    grm = over_torch(small, BRIEF, VlmSettings(size='112x112', readout='expectation'))
    grm.begin(TaskContext('tidy up', views(0), views(1)))
    hops = grm.step(views(2))
    assert 0.0 < hops.familiarity < 1.0
    assert grm.cost.steps == 0
    assert all(one.spread > 0 for one in grm.answers.values())


def test_what_cannot_be_judged_is_said(small: Checkpoint) -> None:
    grm = over_torch(small, BRIEF, SMALL)
    with pytest.raises(RuntimeError, match='step before begin'):
        grm.step(views(0))
    with pytest.raises(ValueError, match='has no words'):
        grm.begin(TaskContext('  ', views(0)))
    with pytest.raises(ValueError, match="'front' must be among them"):
        grm.begin(TaskContext('tidy up', views(0, ('left_wrist',))))
    long = np.zeros((112, 336, 3), np.uint8)
    with pytest.raises(ValueError, match=r'of 336x112 px becomes \d+x\d+, the model takes \d+x\d+'):
        grm.begin(TaskContext('tidy up', Views({'front': long}, {'front': 0})))
    grm.begin(TaskContext('tidy up', views(0), views(1)))
    blind = grm.step(views(1, ('left_wrist',)))
    assert (blind.valid, blind.reason) == (False, 'no view front')


def test_a_model_gone_mad_or_out_of_memory_gives_no_reading_and_recovers(
    small: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    grm = over_torch(small, BRIEF, SMALL)
    session = Session(grm)
    session.follow(Episode('a', task='tidy up', phase=Phase.RUNNING, stamp=1))
    read = grm._engine.read

    def mad(chunk: Chunk, past: KV | None = None) -> tuple[torch.Tensor, KV]:
        logits, new = read(chunk, past)
        return logits * math.nan, new

    def full(*_: object) -> tuple[torch.Tensor, KV]:
        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')

    def look(number: int) -> tuple[bool, str]:
        reading, _ = session.look(views(number), {}, number * SECOND)
        return reading.valid, reading.reason

    assert look(1) == (True, '')
    monkeypatch.setattr(grm._engine, 'read', mad)
    valid, reason = look(2)
    assert not valid
    assert 'nothing finite' in reason
    monkeypatch.setattr(grm._engine, 'read', full)
    valid, reason = look(3)
    assert not valid
    assert 'memory of the GPU is full' in reason
    session.rest()
    monkeypatch.setattr(grm._engine, 'read', read)
    assert look(4) == (True, '')


def test_memory_is_told_in_plain_words(small: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    grm = over_torch(small, BRIEF, SMALL)
    grm.begin(TaskContext('tidy up', views(0)))

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')

    monkeypatch.setattr(Asker, 'ask', full)
    with pytest.raises(ModelError, match='take a smaller model or precision'):
        grm.step(views(1))


def test_an_answer_is_remembered_for_one_episode_only(small: Checkpoint) -> None:
    grm = over_torch(small, BRIEF, SMALL)
    grm.begin(TaskContext('tidy up', views(0), views(1)))
    grm.step(views(2))
    assert grm._asker._last
    grm.begin(TaskContext('tidy up', views(0), views(1)))
    assert not grm._asker._last


def test_a_grey_picture_stands_for_a_camera_that_gives_nothing(small: Checkpoint) -> None:
    grm = over_torch(small, BRIEF, SMALL)
    grm.begin(TaskContext('tidy up', views(0), views(1)))
    dim = grm.step(views(2, VIEWS[:2]))
    grey = dict(views(2, VIEWS[:2]).images) | {'right_wrist': np.full((112, 112, 3), 128, np.uint8)}
    grm.begin(TaskContext('tidy up', views(0), views(1)))
    assert grm.step(Views(grey, dict.fromkeys(VIEWS, 2 * SECOND))) == dim
