"""The verb `evaluate` on files: a model folder and an episode folder."""

import argparse
import json

import numpy as np
import pytest
import torch

from robo_dopamine_ros.cli import evaluate as verb
from robo_dopamine_ros.data.episode_folder import open_recording, save_recording
from robo_dopamine_ros.grm.compact.config import CompactShape
from robo_dopamine_ros.grm.compact.model_card import ModelCard
from robo_dopamine_ros.grm.compact.network import CompactNetwork
from robo_dopamine_ros.grm.compact.weights import save_model
from robo_dopamine_ros.reward.evaluation import EvaluationParameters, sampled_frames
from robo_dopamine_ros.types import SECOND, VIEWS, Outcome, Recording, Views


def parse(*words):
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return parser.parse_args(list(map(str, words)))


def scene(i):
    """A bright block that moves to the right, in every view."""
    image = np.full((48, 64, 3), 90, np.uint8)
    image[10:30, i : i + 12] = (230, 200, 20)
    return Views(dict.fromkeys(VIEWS, image), dict.fromkeys(VIEWS, i * SECOND // 10))


@pytest.fixture
def model(tmp_path):
    """A model folder with random weights."""
    torch.manual_seed(0)
    card = ModelCard('untaught', VIEWS, 'push the block', CompactShape(), least_familiarity=0.0)
    save_model(tmp_path / 'model', CompactNetwork(CompactShape()).eval(), card, scene(40), {})
    return tmp_path / 'model'


@pytest.fixture
def episode(tmp_path):
    made = Recording(
        name='push',
        rate=10.0,
        length=42,
        views=VIEWS,
        play=lambda size=None, stride=1, start=0, stop=None: map(
            scene, range(start, stop or 42, stride)
        ),
        span=(0, 41),
        progress=np.linspace(0.0, 1.0, 42),
        outcome=Outcome.SUCCESS,
        grade='success',
    )
    return save_recording(made, tmp_path / 'push', 'images')


def test_json_output_is_one_object(model, episode, capsys, tmp_path):
    args = parse(model, episode, '--json', '--out', tmp_path / 'report.json', '--seed', 3)
    assert verb.run(args) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found['model'] == 'untaught'
    assert (found['recordings'][0]['steps'], found['recordings'][0]['grade']) == (42, 'success')
    assert found['latency']['p50'] > 0.0
    assert found['success_auc'] is None
    assert -1.0 <= found['voc'] <= 1.0
    assert 'push 100%' in printed.err or 'bootstrap 100%' in printed.err
    assert json.loads((tmp_path / 'report.json').read_text()) == found


def test_table_output(model, episode, capsys):
    assert verb.run(parse(model, episode, '--gap', 10, '--fusion', 'consistency')) == 0
    table = capsys.readouterr().out
    assert table.startswith('untaught: 1 recording, 42 steps')
    for word in ('voc_reversed', 'incremental_own', 'vertical_flip', 'latency [ms]'):
        assert word in table


@pytest.mark.parametrize('wrong', ['0', '-3', '1.5', 'many'])
def test_frame_counts_are_positive_integers(wrong, capsys):
    with pytest.raises(SystemExit):
        parse('m', 'e', f'--interval={wrong}')
    assert f'{wrong!r} is not a whole number of frames, 1 or more' in capsys.readouterr().err


def test_sampling_of_a_real_video(real_episode):
    frames, interval = sampled_frames(open_recording(real_episode), EvaluationParameters())
    assert (interval, len(frames), frames[0], frames[-2:]) == (15, 85, 8, [1253, 1263])


def test_the_table_is_printed_before_it_is_saved(model, episode, capsys):
    with pytest.raises(OSError, match='No space left'):
        verb.run(parse(model, episode, '--out', '/dev/full'))
    assert capsys.readouterr().out.startswith('untaught: 1 recording')
