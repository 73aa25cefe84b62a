"""Hop samples follow the rules of the released data tools, and their files can be read by those."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from robo_dopamine_ros.grm.hops import hop_label
from robo_dopamine_ros.grm.vlm.finetune import dataset
from robo_dopamine_ros.grm.vlm.finetune.sampler import (
    ZERO_HOP,
    HopSampling,
    allocate_evenly,
    answer_text,
    recording_progress,
    sample_hops,
    state_frames,
)
from robo_dopamine_ros.grm.vlm.query.prompt import Prompt
from robo_dopamine_ros.types import VIEWS, Recording, Views

PLAIN = HopSampling(hops=400, frame_stride=2)
FEW = HopSampling(hops=40)


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
    progress = recording_progress(recording)
    hops = sample_hops([recording], replace(FEW, zero_share=zeros), seed)
    for hop in hops:
        true = float(hop_label(progress[hop.before], progress[hop.after]))
        assert recording.span[0] <= min(hop.before, hop.after)
        assert max(hop.before, hop.after) <= recording.span[1]
        assert hop.label == pytest.approx(true, abs=1e-9 if hop.label else ZERO_HOP)
        if hop.before == hop.after:
            assert hop.label == 0.0
    moving = [hop for hop in hops if hop.label]
    assert len({(hop.before, hop.after) for hop in moving}) == len(moving)
    assert len(hops) - len(moving) == round(len(moving) * zeros / (1 - zeros))


@given(st.floats(-1, 1))
def test_an_answer_has_the_label_to_a_tenth_of_a_percent(label):
    said = answer_text(label)
    assert float(said.removeprefix('<score>').removesuffix('%</score>')) / 100 == pytest.approx(
        label, abs=0.0005 + 1e-9
    )
    flipped = said.translate(str.maketrans('+-', '-+'))
    assert answer_text(-label) == flipped


def test_answers_as_the_authors_write_them():
    said = [answer_text(label) for label in (0.15, -2 / 3, 1.0, 0.0, -0.0, 0.0004)]
    assert said == [
        *('<score>+15.0%</score>', '<score>-66.7%</score>', '<score>+100.0%</score>'),
        *['<score>0.0%</score>'] * 3,
    ]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(0, 120))
def test_shares_are_as_even_as_the_room_lets(room, total):
    room = np.array(room)
    taken = allocate_evenly(room, total, np.random.default_rng(0))
    assert taken.sum() == min(total, room.sum())
    assert (taken <= room).all()
    with_room = taken[taken < room]
    if len(with_room):  # nobody got more than one above those that could have taken more
        assert taken.max() <= with_room.min() + 1


def test_all_scores_are_equally_frequent_where_the_demonstration_allows_it():
    hops = sample_hops([made(length=601)], replace(PLAIN, frame_stride=1), 0)
    labels = np.array([hop.label for hop in hops if hop.label])
    counts = np.histogram(labels, bins=25, range=(-1, 1))[0]
    assert len(labels) == 380
    assert counts.max() - counts.min() <= 2  # a label on an edge may fall to either side
    assert (labels > 0).mean() == pytest.approx(0.5, abs=0.05)


def test_within_a_score_near_and_far_pairs_are_equally_frequent():
    recording = made(length=601)
    hops = sample_hops([recording], replace(PLAIN, frame_stride=1, hops=1000), 0)
    last = [abs(h.after - h.before) / 600 for h in hops if h.label <= -0.92]
    counts = np.histogram(last, bins=4, range=(0, 1))[0]
    assert counts.max() - counts.min() <= 2


@pytest.mark.parametrize(('length', 'count'), [(40, 50), (999, 50), (2001, 101), (90_001, 1001)])
def test_states_are_some_frames_apart(length, count):
    frames = state_frames(made(length=length), 20)
    assert (frames[0], frames[-1]) == (0, length - 1)
    assert len(frames) == pytest.approx(min(count, length), abs=1)


def test_sub_tasks_have_equally_many_states_and_keyframes_are_states():
    frames = state_frames(made(keyframes=(0, 20, 119)), 20)
    assert 20 in frames
    assert sum(frames <= 20) == pytest.approx(sum(frames >= 20), abs=5)


def test_the_same_seed_draws_the_same_hops():
    both = [made('a'), made('b')]
    assert sample_hops(both, PLAIN, 3) == sample_hops(both, PLAIN, 3)
    assert sample_hops(both, PLAIN, 3) != sample_hops(both, PLAIN, 4)


def test_references_come_from_other_episodes_of_the_same_task_only():
    three = [made('a'), made('b'), made('c', instruction='pull')]
    hops = sample_hops(three, PLAIN, 0)
    assert {(h.episode, h.reference) for h in hops} == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)}
    exchanged = [h.reference != h.episode for h in hops if h.episode < 2]
    assert np.mean(exchanged) == pytest.approx(0.75, abs=0.05)
    assert all(h.reference == h.episode for h in sample_hops(three[:1], PLAIN, 0))


@pytest.mark.parametrize(
    ('recording', 'message'),
    [
        (made(span=(7, 8)), 'toy: 2 states between frames 7 and 8'),
        (made(progress=np.full(120, 0.5)), 'never changes'),
    ],
)
def test_recordings_that_teach_nothing_are_refused(recording, message):
    with pytest.raises(ValueError, match=message):
        sample_hops([recording], PLAIN, 0)


@pytest.mark.parametrize(
    'wrong',
    [
        {'hops': 0},
        {'frame_stride': 0},
        {'zero_share': 1.0},
        {'reference_swap': -0.1},
        {'gap_bins': 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=f'{next(iter(wrong))} = '):
        HopSampling(**wrong)


# files


WORDS = Prompt('{task}?' + ' <image>' * 8 + ' {task}!')


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('hops') / 'out'
    dataset.write_dataset([made('a'), made('b')], folder, WORDS, FEW, seed=1)
    return folder


def test_the_released_loader_finds_what_it_needs(written):
    """It takes the list, joins paths to data_path, opens them and counts `<image>`."""
    items = json.loads((written / dataset.SAMPLES_FILE).read_text())
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
    for item in json.loads((written / dataset.SAMPLES_FILE).read_text()):
        folders = [path.split('/')[2] for path in item['image']]
        assert folders == ['cam_high', 'cam_high', *dataset.CAMERA_NAMES, *dataset.CAMERA_NAMES]
        frames = [int(path[-10:-4]) for path in item['image']]
        assert frames[:2] == [0, 119]
        assert len(set(frames[2:5])) == len(set(frames[5:8])) == 1
        with Image.open(written / item['image'][3]) as picture:
            red, green, _ = np.asarray(picture).mean((0, 1))
        assert red == pytest.approx(frames[3], abs=2)
        assert green == pytest.approx(40, abs=2)  # of the left wrist


def test_the_same_seed_writes_the_same_files(written, tmp_path):
    dataset.write_dataset([made('a'), made('b')], tmp_path / 'again', WORDS, FEW, seed=1)
    for path in sorted(written.rglob('*.*')):
        assert (tmp_path / 'again' / path.relative_to(written)).read_bytes() == path.read_bytes()


def test_nothing_is_written_over(written):
    with pytest.raises(ValueError, match='not empty'):
        dataset.write_dataset([made()], written, WORDS)


def test_a_task_without_words_cannot_be_asked(tmp_path):
    with pytest.raises(ValueError, match='toy has no instruction'):
        dataset.write_dataset([made(instruction='')], tmp_path / 'out', WORDS, FEW)


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
    assert dataset.view_slots(made(views=views)) == expected


def test_a_missing_view_is_one_grey_picture(tmp_path):
    dataset.write_dataset([made(views=('front', 'right_wrist'))], tmp_path, WORDS, FEW)
    items = json.loads((tmp_path / dataset.SAMPLES_FILE).read_text())
    paths = {path for item in items for path in item['image'] if 'blank' in path}
    assert {tuple(item['image'].index(path) for path in paths) for item in items} == {(3,)}
    with Image.open(tmp_path / paths.pop()) as picture:
        assert picture.getextrema() == ((128, 128),) * 3


def test_each_picture_is_read_once():
    recording = made(length=30)
    hops = sample_hops([recording], FEW, 0)
    wanted = {p for hop in hops for p in dataset.hop_images(hop, [recording])}
    found = Counter(picture for picture, _ in dataset.load_images([recording], wanted))
    assert set(found) == wanted
    assert set(found.values()) == {1}
