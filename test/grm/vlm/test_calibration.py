"""8-bit precision end to end: calibration, compilation, comparison with the exact model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robo_dopamine_ros.cli.main import main
from robo_dopamine_ros.data.episode_folder import find_recordings, save_recording
from robo_dopamine_ros.grm.loading import load
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.compiled.calibration import ActivationRanges, calibrate
from robo_dopamine_ros.grm.vlm.compiled.model_dir import read_vlm_card
from robo_dopamine_ros.grm.vlm.compiled.quantize import GRIDS, quantize_checkpoint
from robo_dopamine_ros.grm.vlm.engine import KeyValues, TokenChunk
from robo_dopamine_ros.grm.vlm.loading import grm_from_checkpoint
from robo_dopamine_ros.grm.vlm.parity.compare import ParityPlan, compare
from robo_dopamine_ros.grm.vlm.parity.report import TOLERANCES
from robo_dopamine_ros.grm.vlm.published.checkpoint import open_checkpoint
from robo_dopamine_ros.grm.vlm.query.prompt import Prompt
from robo_dopamine_ros.grm.vlm.settings import EIGHT_BIT_PRECISIONS, VlmSettings
from robo_dopamine_ros.reward.episode_parity import episode_parity
from robo_dopamine_ros.types import SECOND, VIEWS, Recording, Views

WORDS = '{task}: <image> to <image>. was <image><image><image> is <image><image><image>?'
SETTINGS = VlmSettings(size='112x112')


def scene(number: int) -> Views:
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 255, (3, 4, 4, 3), dtype=np.uint8)
    images = [np.kron(one, np.ones((28, 28, 1), np.uint8)) for one in coarse]
    return Views(dict(zip(VIEWS, images, strict=True)), dict.fromkeys(VIEWS, number * SECOND))


def episode(name: str, first: int) -> Recording:
    def play(size: Any = None, stride: int = 1, start: int = 0, stop: int | None = None) -> Any:
        return (scene(first + frame) for frame in range(start, stop or 8, stride))

    return Recording(name, 10.0, 8, VIEWS, play, (0, 7), instruction='tidy up')


@pytest.fixture(scope='module')
def root_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, a prompt, and episodes to calibrate with and to test with."""
    root: Path = tmp_path_factory.mktemp('eight')
    size = random_checkpoint.RandomModelSize(layers=2, vision_layers=1, spread=0.15)
    random_checkpoint.write_random_checkpoint(root / 'checkpoint', 'qwen2_5_vl', size, seed=2)
    (root / 'prompt.txt').write_text(WORDS)
    save_recording(episode('first', 0), root / 'seen' / 'first', 'images')
    save_recording(episode('second', 20), root / 'seen' / 'second', 'images')
    save_recording(episode('third', 40), root / 'new' / 'third', 'images')
    return root


class CountingEngine:
    """An engine that counts what it reads."""

    def __init__(self, engine: Any) -> None:
        self.shape, self.answer_tokens = engine.shape, engine.answer_tokens
        self.device, self.dtype = engine.device, engine.dtype
        self.embed, self.encode_images = engine.embed, engine.encode_images
        self.queries = 0
        self._engine = engine

    def decode(
        self, chunk: TokenChunk, past: KeyValues | None = None
    ) -> tuple[torch.Tensor, KeyValues]:
        self.queries += len(chunk.embeds) * (chunk.embeds.shape[1] > 30)
        told: tuple[torch.Tensor, KeyValues] = self._engine.decode(chunk, past)
        return told


def test_every_episode_is_asked_about_and_every_layer_is_watched(root_dir: Path) -> None:
    checkpoint = open_checkpoint(root_dir / 'checkpoint', 'cpu')
    model, counted = (
        grm_from_checkpoint(checkpoint, Prompt(WORDS), SETTINGS),
        list[CountingEngine](),
    )

    def count(engine: Any) -> CountingEngine:
        counted.append(CountingEngine(engine))
        return counted[0]

    recordings = find_recordings([root_dir / 'seen'])
    told: list[tuple[float, str]] = []
    asked = model.with_engine(count)
    ranges = calibrate(asked, checkpoint, recordings, 20, report=lambda *one: told.append(one))
    assert counted[0].queries >= 20
    assert {what for _, what in told} == {
        'asking about first',
        'asking about second',
        'calibrated',
    }
    assert [share for share, _ in told] == [0, 0.25, 0.5, 0.75, 1]
    assert len(ranges.inputs) == 14
    assert all(bool((seen >= 0).all()) and float(seen.max()) > 0 for seen in ranges.inputs.values())
    again = calibrate(asked, checkpoint, recordings, 20)
    assert all(torch.equal(again.inputs[name], seen) for name, seen in ranges.inputs.items())


def test_what_cannot_be_calibrated_is_named(root_dir: Path) -> None:
    checkpoint = open_checkpoint(root_dir / 'checkpoint', 'cpu')
    model = grm_from_checkpoint(checkpoint, Prompt(WORDS), SETTINGS)
    with pytest.raises(ValueError, match='no recordings; calibration needs one or more'):
        calibrate(model, checkpoint, [])
    with pytest.raises(ValueError, match='questions = 0; calibration asks 1 or more'):
        calibrate(model, checkpoint, find_recordings([root_dir / 'seen']), 0)
    wide = ActivationRanges({'0.mlp.down_proj': torch.tensor([1.0, 7e4])})
    with pytest.raises(ModelError, match=r'checkpoint: inside, numbers reach 7e\+04, and float16'):
        quantize_checkpoint(checkpoint, wide, 'int8')
    assert checkpoint.model.dtype is torch.float32
    checkpoint.model.model.language_model.norm.weight.fill_(float('nan'))
    with pytest.raises(ModelError, match='no answer about first: '):
        calibrate(model, checkpoint, find_recordings([root_dir / 'seen']), 5)


def test_the_names_of_precisions_are_the_same_everywhere() -> None:
    assert tuple(GRIDS) == EIGHT_BIT_PRECISIONS == tuple(TOLERANCES)


def test_eight_bits_from_a_checkpoint_to_a_verdict(
    root_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precision = 'int8'
    out, prompt = tmp_path / 'out', str(root_dir / 'prompt.txt')
    words = ['export', str(root_dir / 'checkpoint'), '--out', str(out), '--prompt', prompt]
    words += ['--size', '112x112', '--precision', precision, '--json']
    assert main([*words, '--calibrate', str(root_dir / 'seen'), '--questions', '50']) == 0
    assert json.loads(capsys.readouterr().out)['precision'] == precision
    card = read_vlm_card(out)
    assert (card.precision, card.dtype, card.opset) == (precision, torch.float16, 19)

    exact = load(root_dir / 'checkpoint', vlm=VlmSettings(size='112x112', prompt=prompt))
    recordings = find_recordings([root_dir / 'new'])
    plan = ParityPlan(questions=20, frames=4)
    found = compare(
        load(out, 'onnx'), exact, recordings, plan, TOLERANCES[precision], episode_parity
    )
    assert found.hops.divergence is not None
    assert 0 < found.hops.divergence < 0.05
    assert found.hops.lost == 0
    words = ['compare', str(out), '--against', str(out), str(root_dir / 'new'), '--pairs', '5']
    words += ['--frames', '3', '--no-noise']
    assert main([*words, '--engine', 'onnx', '--against-engine', 'onnx', '--json']) in (0, 1)
    facts = json.loads(capsys.readouterr().out)
    assert facts['hops']['mae'] == 0
    assert facts['gates']['mae'] == TOLERANCES[precision].mae


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--precision', 'int8'], 'fp8 and int8 are fitted to episodes: --calibrate EPISODES'),
        (['--calibrate', 'seen'], 'fp8 and int8 are fitted to episodes: --calibrate EPISODES'),
        (
            ['--precision', 'fp8', '--calibrate', 'seen', '--opset', '18'],
            '--opset 18; fp8 needs 19 or more',
        ),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    words: list[str], message: str, root_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['export', str(root_dir / 'checkpoint'), '--out', str(root_dir / 'x'), *words]) == 2
    assert message in capsys.readouterr().err
