import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.data import episode_plot
from robo_dopamine_ros.data.episode_curves import (
    READING_FIELDS,
    REWARD_FIELDS,
    EpisodeCurves,
    ProgressCurve,
    reading_columns,
    reward_columns,
    to_json,
)
from robo_dopamine_ros.data.filmstrip import FilmstripFrame, compose, nearest_frames, slot_centers
from robo_dopamine_ros.types import SECOND, Progress, Reward


def make_curves(count=50, **changes):
    time = np.arange(count) * 0.1
    read = {name: np.linspace(0, 1, count) for name in READING_FIELDS}
    paid = {name: np.linspace(-0.01, 0.02, count) for name in REWARD_FIELDS}
    fields = {
        'title': 'made',
        'instruction': 'insert the peg',
        'model': 'runs/model',
        'duration': 5.0,
        'time': time,
        'readings': read,
        'valid': np.ones(count, bool),
        'success_candidate': time > 4,
        'reward_time': time,
        'rewards': paid,
        'truth': ProgressCurve(np.array([0.0, 5.0]), np.array([0.0, 1.0])),
        'keyframes': [0.0, 2.0, 5.0],
        'outcome': 'success',
    }
    return EpisodeCurves(**(fields | changes))


def frames(count=4, views=('front', 'left_wrist'), shape=(48, 64, 3)):
    images = {view: np.full(shape, 120, np.uint8) for view in views}
    return [FilmstripFrame(float(i), images) for i in range(count)]


def draw(tmp_path, curves, images=None, views=('front', 'left_wrist')):
    path = tmp_path / 'report.png'
    page = episode_plot.draw_page(
        curves, frames() if images is None else images, views, {'VOC': '0.98'}
    )
    episode_plot.write_pages([page, page], path)
    image = cv2.imread(str(path))
    assert image.shape[1] == round(episode_plot.WIDTH * episode_plot.DPI)
    assert image.shape[0] == 2 * page.shape[0]
    assert 500 < page.shape[0] < 2000
    assert image.std() > 5
    return image


def test_an_episode_is_drawn(tmp_path):
    draw(tmp_path, make_curves())


def nothing(count=0):
    empty = np.zeros(count)
    return {
        'time': empty,
        'readings': dict.fromkeys(READING_FIELDS, empty),
        'valid': empty.astype(bool),
        'success_candidate': empty.astype(bool),
        'reward_time': empty,
        'rewards': dict.fromkeys(REWARD_FIELDS, empty),
    }


@pytest.mark.parametrize(
    'changes',
    [
        nothing(),
        nothing(1),
        {'truth': None, 'keyframes': []},
        {'valid': np.zeros(50, bool), 'success_candidate': np.zeros(50, bool)},
        {'readings': {name: np.full(50, np.nan) for name in READING_FIELDS}},
        {'spans': {'slip': [(1.0, 1.5)]}},
        {'instruction': '', 'outcome': ''},
    ],
    ids=['no reading', 'one reading', 'no truth', 'none valid', 'all NaN', 'spans', 'no text'],
)
def test_every_kind_of_episode_can_be_draw(tmp_path, changes):
    draw(tmp_path, make_curves(**changes))


def test_square_and_missing_images(tmp_path):
    images = frames(3, ('front',), (32, 32, 3))
    draw(tmp_path, make_curves(), images, ('front', 'left_wrist', 'right_wrist'))
    draw(tmp_path, make_curves(), [])


def test_no_goal_leaves_the_backward_curve_out(tmp_path):
    read = make_curves().readings | {'backward': np.full(50, np.nan)}
    draw(tmp_path, make_curves(readings=read))


@given(st.lists(st.floats(-1, 1), max_size=40))
def test_limits_are_round(values):
    limit = episode_plot.robust_limit(np.array(values))
    assert 0 < limit <= 1
    assert f'{limit:.0e}'[0] in '125'


def test_the_film_strip_keeps_its_order():
    colours = [
        FilmstripFrame(float(i), {'front': np.full((30, 40, 3), 60 * i, np.uint8)})
        for i in range(3)
    ]
    sheet = compose(
        nearest_frames(colours, np.array([0.1, 1.2, 5.0])), ['front', 'left'], (20, 15), 2
    )
    assert sheet.shape == (32, 64, 3)
    assert [int(sheet[5, x, 0]) for x in (10, 32, 54)] == [0, 60, 120]
    assert (sheet[20] == 238).any()


def test_slot_centers():
    assert slot_centers(6.0, 3).tolist() == [1.0, 3.0, 5.0]


def test_columns_and_json():
    readings = [
        Progress(stamp=3 * SECOND, progress=0.25, valid=True, backward=0.5),
        Progress(stamp=4 * SECOND, progress=0.5, valid=False),
    ]
    rewards = [Reward(stamp=4 * SECOND, previous_stamp=3 * SECOND, reward=0.1)]
    read, paid = reading_columns(readings, 3 * SECOND), reward_columns(rewards, 3 * SECOND)
    assert read['time'].tolist() == [0.0, 1.0]
    assert read['valid'].tolist() == [True, False]
    curves = make_curves(
        time=read['time'], readings=read, valid=read['valid'],
        success_candidate=read['success_candidate'], reward_time=paid['time'], rewards=paid,
    )  # fmt: skip
    plain = json.loads(json.dumps(to_json(curves), allow_nan=False))
    assert plain['progress']['progress'] == [0.25, 0.5]
    assert plain['progress']['backward'] == [0.5, None]
    assert plain['reward']['reward'] == [0.1]
    assert plain['truth']['progress'] == [0.0, 1.0]
