"""Image preprocessing equals that of the published processor."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.image_processor import (
    ImageSettings,
    read_image_settings,
    smart_resize,
    to_pixels,
)
from robo_dopamine_ros.grm.vlm.published.family import FAMILIES

QWEN2_5 = ImageSettings(28, random_checkpoint.MEAN, random_checkpoint.STD)
QWEN3 = ImageSettings(32, (0.5,) * 3, (0.5,) * 3)
SIDES = some.integers(1, 3000)


def processor(settings: ImageSettings) -> Any:
    library: Any = importlib.import_module('transformers')
    return library.Qwen2VLImageProcessorPil(
        size={'shortest_edge': settings.min_pixels, 'longest_edge': settings.max_pixels},
        patch_size=settings.factor // 2,
        merge_size=2,
        image_mean=list(settings.mean),
        image_std=list(settings.std),
    )


def pack(pixels: np.ndarray, patch: int) -> np.ndarray:
    """Pixels (3, H, W) as the processor packs them."""
    _, height, width = pixels.shape
    shape = (3, height // patch // 2, 2, patch, width // patch // 2, 2, patch)
    blocks = pixels.reshape(shape).transpose(1, 4, 2, 5, 0, 3, 6)
    twice = np.repeat(blocks[:, :, :, :, :, None], 2, axis=5)
    return twice.reshape(height * width // patch**2, -1)


@pytest.mark.parametrize('settings', [QWEN2_5, QWEN3], ids=['qwen2_5', 'qwen3'])
@pytest.mark.parametrize('size', [(480, 640), (224, 308), (1080, 1920), (90, 60), (333, 777)])
def test_pixels_are_those_of_the_processor(settings: ImageSettings, size: tuple[int, int]) -> None:
    image = np.random.default_rng(4).integers(0, 256, (*size, 3), np.uint8)
    wanted = processor(settings)(image, return_tensors='np', input_data_format='channels_last')
    pixels = to_pixels(image, settings)
    patch = settings.factor // 2
    assert pixels.dtype == np.float32
    assert [1, pixels.shape[1] // patch, pixels.shape[2] // patch] == [*wanted.image_grid_thw[0]]
    np.testing.assert_array_equal(pack(pixels, patch), wanted.pixel_values)


def test_the_usual_camera_at_the_official_limits() -> None:
    assert smart_resize(480, 640, QWEN2_5) == (224, 308)
    assert smart_resize(480, 640, QWEN3) == (224, 320)


@given(SIDES, SIDES, some.sampled_from([QWEN2_5, QWEN3]))
def test_any_size_becomes_one_that_the_network_takes(
    height: int, width: int, settings: ImageSettings
) -> None:
    factor, oblong = settings.factor, max(height, width) / min(height, width)
    if oblong > 200:
        with pytest.raises(ValueError, match=f'{height} x {width} px'):
            smart_resize(height, width, settings)
        return
    rows, columns = smart_resize(height, width, settings)
    assert rows % factor == columns % factor == 0
    assert min(rows, columns) >= factor
    if oblong <= settings.max_pixels / factor**2:  # else one side cannot shrink as it should
        assert settings.min_pixels <= rows * columns <= settings.max_pixels
        # one scale explains both sides, to a factor each
        assert (rows - factor) / height <= (columns + factor) / width
        assert (columns - factor) / width <= (rows + factor) / height


@given(SIDES, SIDES, some.sampled_from([QWEN2_5, QWEN3]))
def test_resized_is_resized(height: int, width: int, settings: ImageSettings) -> None:
    """Pictures stored at the network's size stay as they are."""
    if max(height, width) <= 50 * min(height, width):
        size = smart_resize(height, width, settings)
        assert smart_resize(*size, settings) == size


@pytest.mark.parametrize(
    'image',
    [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)],
    ids=['float', 'grey', 'alpha'],
)
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r'it must be uint8 \(H, W, 3\)'):
        to_pixels(image, QWEN2_5)


def write(folder: Path, name: str = 'preprocessor_config.json', **facts: object) -> Path:
    base = {'patch_size': 14, 'merge_size': 2, 'image_mean': [0.5] * 3, 'image_std': [0.5] * 3}
    content: dict[str, object] = {**base, **facts}
    if name == 'processor_config.json':
        content = {'image_processor': content}
    (folder / name).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ('facts', 'limits'),
    [
        ({'min_pixels': 3136, 'max_pixels': 12845056}, (3136, 12845056)),
        ({'size': {'shortest_edge': 12544, 'longest_edge': 76800}}, (12544, 76800)),
        ({'min_pixels': 7, 'size': {'shortest_edge': 8, 'longest_edge': 99}}, (7, 99)),
        ({}, (12544, 76800)),
    ],
    ids=['old', 'new', 'both', 'neither'],
)
@pytest.mark.parametrize('name', ['preprocessor_config.json', 'processor_config.json'])
def test_limits_in_either_spelling(
    tmp_path: Path, name: str, facts: dict[str, object], limits: tuple[int, int]
) -> None:
    settings = read_image_settings(write(tmp_path, name, **facts), FAMILIES['qwen2_5_vl'])
    assert (settings.min_pixels, settings.max_pixels) == limits
    assert settings.official == (limits == (12544, 76800))


def test_settings_of_a_random_checkpoint(tmp_path: Path) -> None:
    random_checkpoint.write_random_checkpoint(tmp_path, 'qwen3_vl')
    assert read_image_settings(tmp_path, FAMILIES['qwen3_vl']) == QWEN3


def test_another_patch_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'preprocessor_config.json: .* = 28; qwen3_vl has 32'):
        read_image_settings(write(tmp_path), FAMILIES['qwen3_vl'])


@pytest.mark.parametrize('content', ['', '{', '[]', '{"patch_size": 14}', '{"patch_size": {}}'])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / 'preprocessor_config.json').write_text(content)
    with pytest.raises(ModelError, match=r'preprocessor_config.json: .*copy the file again'):
        read_image_settings(tmp_path, FAMILIES['qwen2_5_vl'])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match='preprocessor_config.json'):
        read_image_settings(tmp_path, FAMILIES['qwen2_5_vl'])
