"""Which kind of model is loaded, and which goal it has."""

import json
from pathlib import Path

import numpy as np
import pytest

from robo_dopamine_ros.grm.goal_images import GOAL_DIR, write_goal_images
from robo_dopamine_ros.grm.loading import ModelKind, kind_of, load
from robo_dopamine_ros.grm.protocol import GRM, ModelError
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.query.prompt import short_prompt
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

SHIPPED = Path(__file__).parents[3] / 'models' / 'grm'


def views(shade: int, names: tuple[str, ...] = VIEWS) -> Views:
    return Views(
        {name: np.full((112, 112, 3), shade, np.uint8) for name in names}, dict.fromkeys(names, 1)
    )


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / 'grm'
    random_checkpoint.write_random_checkpoint(
        folder, 'qwen2_5_vl', random_checkpoint.RandomModelSize(layers=1, vision_layers=2)
    )
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> VlmSettings:
    prompt = tmp_path / 'prompt.txt'
    prompt.write_text(short_prompt().text, encoding='utf-8')
    return VlmSettings(size='112x112', prompt=str(prompt))


def test_a_folder_is_what_its_files_say(checkpoint: Path, tmp_path: Path) -> None:
    assert kind_of(SHIPPED) is ModelKind.COMPACT
    assert kind_of(checkpoint) is ModelKind.PUBLISHED
    assert kind_of('somebody/Some-GRM-3B') is ModelKind.PUBLISHED
    assert kind_of(tmp_path / 'nowhere') is ModelKind.COMPACT  # whose loader says what is wrong
    (checkpoint / 'model.json').write_text(json.dumps({'kind': 'vlm-grm-1'}))
    assert kind_of(checkpoint) is ModelKind.COMPILED
    for broken in ('no JSON', '[]', '{}'):
        (checkpoint / 'model.json').write_text(broken)
        assert kind_of(checkpoint) is ModelKind.COMPACT


def test_a_checkpoint_needs_no_other_engine_than_torch(
    checkpoint: Path, settings: VlmSettings
) -> None:
    assert isinstance(load(checkpoint, vlm=settings), GRM)
    with pytest.raises(ModelError, match='compile it with `robo-dopamine export'):
        load(checkpoint, 'onnx', vlm=settings)


def test_a_goal_that_lies_with_the_model_is_used(checkpoint: Path, settings: VlmSettings) -> None:
    context = TaskContext('tidy up', views(20))
    without = load(checkpoint, vlm=settings)
    without.reset(context)
    assert without.step(views(40)).backward is None
    write_goal_images(checkpoint / GOAL_DIR, views(200), VIEWS)
    learnt = load(checkpoint, vlm=settings)
    learnt.reset(context)
    shown = load(checkpoint, vlm=settings)
    shown.reset(TaskContext('tidy up', views(20), views(200)))
    hops = learnt.step(views(40))
    assert hops == shown.step(views(40))
    assert hops.backward is not None


def test_a_goal_that_is_chosen_needs_its_front_only(
    checkpoint: Path, settings: VlmSettings, tmp_path: Path
) -> None:
    chosen = VlmSettings(size='112x112', prompt=settings.prompt, goal=str(tmp_path / 'done'))
    with pytest.raises(ModelError, match=r'done/front\.png is missing'):
        load(checkpoint, vlm=chosen)
    write_goal_images(tmp_path / 'done', views(200), VIEWS[:1])
    model = load(checkpoint, vlm=chosen)
    model.reset(TaskContext('tidy up', views(20)))
    assert model.step(views(40)).backward is not None
