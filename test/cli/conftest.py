"""An untrained model and a short synthetic episode."""

import numpy as np
import pytest
import torch

from robo_dopamine_ros.data.episode_folder import save_recording
from robo_dopamine_ros.grm.compact.config import CompactShape
from robo_dopamine_ros.grm.compact.model_card import ModelCard
from robo_dopamine_ros.grm.compact.network import CompactNetwork
from robo_dopamine_ros.grm.compact.weights import save_model
from robo_dopamine_ros.types import SECOND, VIEWS, Recording, Views

LENGTH, RATE = 60, 20.0


def scene(index, length=LENGTH):
    """A bright block that moves to the right, in every view."""
    image = np.full((48, 64, 3), 90, np.uint8)
    left = round(index / length * 50)
    image[10:30, left : left + 12] = (230, 200, 20)
    stamp = round(index * SECOND / RATE)
    return Views(dict.fromkeys(VIEWS, image), dict.fromkeys(VIEWS, stamp))


@pytest.fixture(scope='session')
def model(tmp_path_factory):
    """Folder of an untrained network."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('models') / 'untaught'
    card = ModelCard('untaught', VIEWS, 'push the block', CompactShape(), least_familiarity=0.0)
    save_model(folder, CompactNetwork(CompactShape()).eval(), card, scene(LENGTH - 1), {})
    return folder


@pytest.fixture(scope='session')
def episode(tmp_path_factory):
    """The folder of an annotated three-camera episode of three seconds, in the paper's layout."""
    return save_recording(pushed(LENGTH), tmp_path_factory.mktemp('episodes') / 'push')


@pytest.fixture(scope='session')
def long_episode(tmp_path_factory):
    """The same in twelve seconds, which hold back more than twenty frames."""
    return save_recording(pushed(4 * LENGTH), tmp_path_factory.mktemp('episodes') / 'slow_push')


def pushed(length):
    """A recording of `length` frames."""
    return Recording(
        name='push',
        rate=RATE,
        length=length,
        views=VIEWS,
        play=lambda size=None, stride=1, start=0, stop=None: (
            scene(index, length) for index in range(start, stop or length, stride)
        ),
        span=(0, length - 1),
        progress=np.linspace(0.0, 1.0, length),
        instruction='push the block',
        keyframes=(0, length - 1),
    )
