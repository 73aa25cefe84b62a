"""Hop samples obey the laws of the released data tools, and are files that those can read."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from robo_dopamine_ros.reward.hops import hop_label
from robo_dopamine_ros.reward.vlm.adapting import hopfiles
from robo_dopamine_ros.reward.vlm.adapting.hopdata import (
    STILL,
    Sampling,
    answer,
    draw,
    progress_of,
    share_out,
    states,
)
from robo_dopamine_ros.reward.vlm.query.prompt import Prompt
from robo_dopamine_ros.types import VIEWS, Recording, Views

PLAIN = Sampling(most=400, every=2)
FEW = Sampling(most=40)


def made(name='toy', length=120, views=VIEWS, **changes) -> Recording:
    def play(size=None, stride=1, start=0, stop=None):
        for frame in range(length)[start:stop:stride]:
            images = {
                view: np.full((24, 32, 3), (frame, 40 * place, 99), np.uint8)
                for place, view in enumerate(views)
            }
            yield Views(images, dict.fromkeys(views, frame))

    facts = {
        'name': name, 'rate': 30.0, 'length': length, 'views': views, 'play': play,
        'span': (0, length - 1), 'instruction': 'push',
    }  # fmt: skip
    return Recording(**{**facts, **changes})


@st.composite
def recordings(draw_):
    """Recordings of any progress: by keyframes, told by steps, or not told at all."""
    length = draw_(st.integers(12, 300))
    kind = draw_(st.sampled_from(['keyframes', 'any', 'linear']))
    if kind == 'linear':
        first = draw_(st.integers(0, length // 3))
        return made(length=length, span=(first, length - 1 - draw_(st.integers(0, length // 3))))
    if kind == 'any':
        ends = draw_(st.lists(st.floats(0, 1), min_size=2, max_size=5))
        if max(ends) - min(ends) < 0.01:
            ends = [0.0, 1.0]
        progress = np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(ends)), ends)
        return made(length=length, progress=progress)
    inside = st.integers(2, length - 3)
    keys = (0, *sorted(draw_(st.sets(inside, max_size=4))), length - 1)
    progress = np.interp(np.arange(length), keys, np.linspace(0, 1, len(keys)))
    return made(length=length, progress=progress, keyframes=keys)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recordings(), st.integers(0, 99), st.sampled_from([0.0, 0.05, 0.3]))
def test_every_label_is_eq_2_of_the_two_frames(recording, seed, zeros):
    progress = progress_of(recording)
    hops = draw([recording], replace(FEW, zeros=zeros), seed)
    for hop in hops:
        true = float(hop_label(progress[hop.before], progress[hop.after]))
        assert recording.span[0] <= min(hop.before, hop.after)
        assert max(hop.before, hop.after) <= recording.span[1]
        assert hop.label == pytest.approx(true, abs=1e-9 if hop.label else STILL)
        if hop.before == hop.after:
            assert hop.label == 0.0
    moving = [hop for hop in hops if hop.label]
    assert len({(hop.before, hop.after) for hop in moving}) == len(moving)
    assert len(hops) - len(moving) == round(len(moving) * zeros / (1 - zeros))


@given(st.floats(-1, 1))
def test_an_answer_says_the_label_to_a_tenth_of_a_percent(label):
    said = answer(label)
    assert float(said.removeprefix('<score>').removesuffix('%</score>')) / 100 == pytest.approx(
        label, abs=0.0005 + 1e-9
    )
    flipped = said.translate(str.maketrans('+-', '-+'))
    assert answer(-label) == flipped


def test_answers_as_the_authors_write_them():
    said = [answer(label) for label in (0.15, -2 / 3, 1.0, 0.0, -0.0, 0.0004)]
    assert said == [
        *('<score>+15.0%</score>', '<score>-66.7%</score>', '<score>+100.0%</score>'),
        *['<score>0.0%</score>'] * 3,
    ]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(0, 120))
def test_shares_are_as_even_as_the_room_lets(room, total):
    room = np.array(room)
    taken = share_out(room, total, np.random.default_rng(0))
    assert taken.sum() == min(total, room.sum())
    assert (taken <= room).all()
    with_room = taken[taken < room]
    if len(with_room):  # nobody got more than one above those that could have taken more
        assert taken.max() <= with_room.min() + 1


def test_all_scores_are_equally_frequent_where_the_demonstration_allows_it():
    hops = draw([made(length=601)], replace(PLAIN, every=1), 0)
    labels = np.array([hop.label for hop in hops if hop.label])
    counts = np.histogram(labels, bins=25, range=(-1, 1))[0]
    assert len(labels) == 380
    assert counts.max() - counts.min() <= 2  # a label on an edge may fall to either side
    assert (labels > 0).mean() == pytest.approx(0.5, abs=0.05)


def test_within_a_score_near_and_far_pairs_are_equally_frequent():
    recording = made(length=601)
    hops = draw([recording], replace(PLAIN, every=1, most=1000), 0)
    last = [abs(h.after - h.before) / 600 for h in hops if h.label <= -0.92]
    counts = np.histogram(last, bins=4, range=(0, 1))[0]
    assert counts.max() - counts.min() <= 2


@pytest.mark.parametrize(('length', 'count'), [(40, 50), (999, 50), (2001, 101), (90_001, 1001)])
def test_states_are_some_frames_apart(length, count):
    frames = states(made(length=length), 20)
    assert (frames[0], frames[-1]) == (0, length - 1)
    assert len(frames) == pytest.approx(min(count, length), abs=1)


def test_sub_tasks_have_equally_many_states_and_keyframes_are_states():
    frames = states(made(keyframes=(0, 20, 119)), 20)
    assert 20 in frames
    assert sum(frames <= 20) == pytest.approx(sum(frames >= 20), abs=5)


def test_the_same_seed_draws_the_same_hops():
    both = [made('a'), made('b')]
    assert draw(both, PLAIN, 3) == draw(both, PLAIN, 3)
    assert draw(both, PLAIN, 3) != draw(both, PLAIN, 4)


def test_references_come_from_other_episodes_of_the_same_task_only():
    three = [made('a'), made('b'), made('c', instruction='pull')]
    hops = draw(three, PLAIN, 0)
    assert {(h.episode, h.reference) for h in hops} == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)}
    exchanged = [h.reference != h.episode for h in hops if h.episode < 2]
    assert np.mean(exchanged) == pytest.approx(0.75, abs=0.05)
    assert all(h.reference == h.episode for h in draw(three[:1], PLAIN, 0))


@pytest.mark.parametrize(
    ('recording', 'message'),
    [
        (made(span=(7, 8)), 'toy: 2 states between frames 7 and 8'),
        (made(progress=np.full(120, 0.5)), 'never changes'),
    ],
)
def test_recordings_that_teach_nothing_are_refused(recording, message):
    with pytest.raises(ValueError, match=message):
        draw([recording], PLAIN, 0)


@pytest.mark.parametrize(
    'wrong', [{'most': 0}, {'every': 0}, {'zeros': 1.0}, {'exchange': -0.1}, {'gap_bins': 0}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=f'{next(iter(wrong))} = '):
        Sampling(**wrong)


# files


WORDS = Prompt('{task}?' + ' <image>' * 8 + ' {task}!')


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('hops') / 'out'
    hopfiles.write([made('a'), made('b')], folder, WORDS, FEW, seed=1)
    return folder


def test_the_released_loader_finds_what_it_needs(written):
    """It takes the list, joins paths to data_path, opens them and counts `<image>`."""
    items = json.loads((written / hopfiles.SAMPLES).read_text())
    assert len(items) == 80
    assert len({item['id'] for item in items}) == 80
    for item in items:
        assert set(item) == {'id', 'task', 'image', 'conversations'}
        human, gpt = item['conversations']
        assert (human['from'], gpt['from']) == ('human', 'gpt')
        assert human['value'].count('<image>') == len(item['image']) == 8
        assert human['value'].startswith(f'{item["task"]}? <image>')
        assert gpt['value'].startswith('<score>')
        for path in item['image']:
            with Image.open(written / path) as picture:
                assert (picture.format, picture.size) == ('JPEG', (32, 24))


def test_pictures_stand_where_the_published_order_wants_them(written):
    for item in json.loads((written / hopfiles.SAMPLES).read_text()):
        folders = [path.split('/')[2] for path in item['image']]
        assert folders == ['cam_high', 'cam_high', *hopfiles.CAMERAS, *hopfiles.CAMERAS]
        frames = [int(path[-10:-4]) for path in item['image']]
        assert frames[:2] == [0, 119]
        assert len(set(frames[2:5])) == len(set(frames[5:8])) == 1
        with Image.open(written / item['image'][3]) as picture:
            red, green, _ = np.asarray(picture).mean((0, 1))
        assert red == pytest.approx(frames[3], abs=2)
        assert green == pytest.approx(40, abs=2)  # of the left wrist


def test_the_same_seed_writes_the_same_files(written, tmp_path):
    hopfiles.write([made('a'), made('b')], tmp_path / 'again', WORDS, FEW, seed=1)
    for path in sorted(written.rglob('*.*')):
        assert (tmp_path / 'again' / path.relative_to(written)).read_bytes() == path.read_bytes()


def test_nothing_is_written_over(written):
    with pytest.raises(ValueError, match='not empty'):
        hopfiles.write([made()], written, WORDS)


def test_a_task_without_words_cannot_be_asked(tmp_path):
    with pytest.raises(ValueError, match='toy has no instruction'):
        hopfiles.write([made(instruction='')], tmp_path / 'out', WORDS, FEW)


@pytest.mark.parametrize(
    ('views', 'expected'),
    [
        (VIEWS, VIEWS),
        (('front',), ('front',) * 3),
        (('front', 'right_wrist'), ('front', '', 'right_wrist')),
        (('scene', 'hand'), ('scene', 'hand', '')),
        (('a', 'b', 'c', 'd'), ('a', 'b', 'c')),
    ],
)
def test_a_missing_view_has_its_place(views, expected):
    assert hopfiles.seats(made(views=views)) == expected


def test_a_missing_view_is_one_grey_picture(tmp_path):
    hopfiles.write([made(views=('front', 'right_wrist'))], tmp_path, WORDS, FEW)
    items = json.loads((tmp_path / hopfiles.SAMPLES).read_text())
    paths = {path for item in items for path in item['image'] if 'blank' in path}
    assert {tuple(item['image'].index(path) for path in paths) for item in items} == {(3,)}
    with Image.open(tmp_path / paths.pop()) as picture:
        assert picture.getextrema() == ((128, 128),) * 3


def test_each_picture_is_read_once():
    recording = made(length=30)
    hops = draw([recording], FEW, 0)
    wanted = {p for hop in hops for p in hopfiles.pictures(hop, [recording])}
    found = Counter(picture for picture, _ in hopfiles.footage([recording], wanted))
    assert set(found) == wanted
    assert set(found.values()) == {1}
