import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.data import report
from robo_dopamine_ros.data.filmstrip import Shot, moments, nearest, strip
from robo_dopamine_ros.data.series import (
    PAID,
    READ,
    Curve,
    Series,
    paid_columns,
    plain,
    read_columns,
)
from robo_dopamine_ros.types import SECOND, Progress, Reward


def make_series(count=50, **changes):
    time = np.arange(count) * 0.1
    read = {name: np.linspace(0, 1, count) for name in READ}
    paid = {name: np.linspace(-0.01, 0.02, count) for name in PAID}
    facts = {
        'title': 'made',
        'instruction': 'insert the peg',
        'model': 'runs/model',
        'duration': 5.0,
        'time': time,
        'read': read,
        'valid': np.ones(count, bool),
        'candidate': time > 4,
        'paid_time': time,
        'paid': paid,
        'truth': Curve(np.array([0.0, 5.0]), np.array([0.0, 1.0])),
        'keyframes': [0.0, 2.0, 5.0],
        'outcome': 'success',
    }
    return Series(**(facts | changes))


def shots(count=4, views=('front', 'left_wrist'), shape=(48, 64, 3)):
    images = {view: np.full(shape, 120, np.uint8) for view in views}
    return [Shot(float(i), images) for i in range(count)]


def drawn(tmp_path, series, pictures=None, views=('front', 'left_wrist')):
    path = tmp_path / 'report.png'
    page = report.page(series, shots() if pictures is None else pictures, views, {'VOC': '0.98'})
    report.write([page, page], path)
    image = cv2.imread(str(path))
    assert image.shape[1] == round(report.WIDTH * report.DPI)
    assert image.shape[0] == 2 * page.shape[0]
    assert 500 < page.shape[0] < 2000
    assert image.std() > 5
    return image


def test_an_episode_becomes_a_picture(tmp_path):
    drawn(tmp_path, make_series())


def nothing(count=0):
    empty = np.zeros(count)
    return {
        'time': empty,
        'read': dict.fromkeys(READ, empty),
        'valid': empty.astype(bool),
        'candidate': empty.astype(bool),
        'paid_time': empty,
        'paid': dict.fromkeys(PAID, empty),
    }


@pytest.mark.parametrize(
    'changes',
    [
        nothing(),
        nothing(1),
        {'truth': None, 'keyframes': []},
        {'valid': np.zeros(50, bool), 'candidate': np.zeros(50, bool)},
        {'read': {name: np.full(50, np.nan) for name in READ}},
        {'spans': {'slip': [(1.0, 1.5)]}},
        {'instruction': '', 'outcome': ''},
    ],
    ids=['no reading', 'one reading', 'no truth', 'none valid', 'all NaN', 'spans', 'no words'],
)
def test_every_kind_of_episode_can_be_drawn(tmp_path, changes):
    drawn(tmp_path, make_series(**changes))


def test_square_and_missing_pictures(tmp_path):
    pictures = shots(3, ('front',), (32, 32, 3))
    drawn(tmp_path, make_series(), pictures, ('front', 'left_wrist', 'right_wrist'))
    drawn(tmp_path, make_series(), [])


def test_no_goal_leaves_the_backward_curve_out(tmp_path):
    read = make_series().read | {'backward': np.full(50, np.nan)}
    drawn(tmp_path, make_series(read=read))


@given(st.lists(st.floats(-1, 1), max_size=40))
def test_limits_are_round(values):
    limit = report.robust_limit(np.array(values))
    assert 0 < limit <= 1
    assert f'{limit:.0e}'[0] in '125'


def test_the_strip_keeps_its_order():
    colours = [Shot(float(i), {'front': np.full((30, 40, 3), 60 * i, np.uint8)}) for i in range(3)]
    sheet = strip(nearest(colours, np.array([0.1, 1.2, 5.0])), ['front', 'left'], (20, 15), 2)
    assert sheet.shape == (32, 64, 3)
    assert [int(sheet[5, x, 0]) for x in (10, 32, 54)] == [0, 60, 120]
    assert (sheet[20] == 238).any()


def test_moments_lie_in_the_middle_of_equal_slots():
    assert moments(6.0, 3).tolist() == [1.0, 3.0, 5.0]


def test_columns_and_json():
    readings = [
        Progress(stamp=3 * SECOND, progress=0.25, valid=True, backward=0.5),
        Progress(stamp=4 * SECOND, progress=0.5, valid=False),
    ]
    rewards = [Reward(stamp=4 * SECOND, previous_stamp=3 * SECOND, reward=0.1)]
    read, paid = read_columns(readings, 3 * SECOND), paid_columns(rewards, 3 * SECOND)
    assert read['time'].tolist() == [0.0, 1.0]
    assert read['valid'].tolist() == [True, False]
    series = make_series(
        time=read['time'], read=read, valid=read['valid'], candidate=read['candidate'],
        paid_time=paid['time'], paid=paid,
    )  # fmt: skip
    told = json.loads(json.dumps(plain(series), allow_nan=False))
    assert told['progress']['progress'] == [0.25, 0.5]
    assert told['progress']['backward'] == [0.5, None]
    assert told['reward']['reward'] == [0.1]
    assert told['truth']['progress'] == [0.0, 1.0]
