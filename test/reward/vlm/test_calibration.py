"""Eight bits from a checkpoint to an answer: calibrated, compiled, run, and held against exact."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robo_dopamine_ros.cli.main import main
from robo_dopamine_ros.data.episodes import find_recordings, save_recording
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.loading import load
from robo_dopamine_ros.reward.vlm.compiled.calibration import calibrate, make_eight_bit
from robo_dopamine_ros.reward.vlm.compiled.folder import read_card
from robo_dopamine_ros.reward.vlm.compiled.quantize import GRIDS
from robo_dopamine_ros.reward.vlm.compiled.ranges import Ranges
from robo_dopamine_ros.reward.vlm.engine import KV, Chunk
from robo_dopamine_ros.reward.vlm.fidelity.compare import Plan, compare
from robo_dopamine_ros.reward.vlm.fidelity.verdict import GATES
from robo_dopamine_ros.reward.vlm.opening import over_torch
from robo_dopamine_ros.reward.vlm.precision import EIGHT_BITS
from robo_dopamine_ros.reward.vlm.published import synthetic
from robo_dopamine_ros.reward.vlm.published.checkpoint import open_checkpoint
from robo_dopamine_ros.reward.vlm.query.prompt import Prompt
from robo_dopamine_ros.reward.vlm.settings import VlmSettings
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
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, a prompt, and episodes to calibrate with and to test with."""
    root: Path = tmp_path_factory.mktemp('eight')
    size = synthetic.Size(layers=2, vision_layers=1, spread=0.15)
    synthetic.write(root / 'checkpoint', 'qwen2_5_vl', size, seed=2)
    (root / 'prompt.txt').write_text(WORDS)
    save_recording(episode('first', 0), root / 'seen' / 'first', 'pictures')
    save_recording(episode('second', 20), root / 'seen' / 'second', 'pictures')
    save_recording(episode('third', 40), root / 'new' / 'third', 'pictures')
    return root


class Counted:
    """An engine that counts what it reads."""

    def __init__(self, engine: Any) -> None:
        self.shape, self.answer_tokens = engine.shape, engine.answer_tokens
        self.device, self.dtype = engine.device, engine.dtype
        self.embed, self.see = engine.embed, engine.see
        self.queries = 0
        self._engine = engine

    def read(self, chunk: Chunk, past: KV | None = None) -> tuple[torch.Tensor, KV]:
        self.queries += len(chunk.embeds) * (chunk.embeds.shape[1] > 30)
        told: tuple[torch.Tensor, KV] = self._engine.read(chunk, past)
        return told


def test_every_episode_is_asked_about_and_every_layer_is_watched(place: Path) -> None:
    checkpoint = open_checkpoint(place / 'checkpoint', 'cpu')
    model, counted = over_torch(checkpoint, Prompt(WORDS), SETTINGS), list[Counted]()

    def count(engine: Any) -> Counted:
        counted.append(Counted(engine))
        return counted[0]

    recordings = find_recordings([place / 'seen'])
    told: list[tuple[float, str]] = []
    asked = model.through(count)
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


def test_what_cannot_be_calibrated_is_named(place: Path) -> None:
    checkpoint = open_checkpoint(place / 'checkpoint', 'cpu')
    model = over_torch(checkpoint, Prompt(WORDS), SETTINGS)
    with pytest.raises(ValueError, match='no recordings; calibration needs one or more'):
        calibrate(model, checkpoint, [])
    with pytest.raises(ValueError, match='questions = 0; calibration asks 1 or more'):
        calibrate(model, checkpoint, find_recordings([place / 'seen']), 0)
    wide = Ranges({'0.mlp.down_proj': torch.tensor([1.0, 7e4])})
    with pytest.raises(ModelError, match=r'checkpoint: inside, numbers reach 7e\+04, and float16'):
        make_eight_bit(checkpoint, wide, 'int8')
    assert checkpoint.model.dtype is torch.float32
    checkpoint.model.model.language_model.norm.weight.fill_(float('nan'))
    with pytest.raises(ModelError, match='no answer about first: '):
        calibrate(model, checkpoint, find_recordings([place / 'seen']), 5)


def test_the_names_of_precisions_are_the_same_everywhere() -> None:
    assert tuple(GRIDS) == EIGHT_BITS == tuple(GATES)


def test_eight_bits_from_a_checkpoint_to_a_verdict(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precision = 'int8'
    out, prompt = tmp_path / 'out', str(place / 'prompt.txt')
    words = ['export', str(place / 'checkpoint'), '--out', str(out), '--prompt', prompt]
    words += ['--size', '112x112', '--precision', precision, '--json']
    assert main([*words, '--calibrate', str(place / 'seen'), '--questions', '50']) == 0
    assert json.loads(capsys.readouterr().out)['precision'] == precision
    card = read_card(out)
    assert (card.precision, card.dtype, card.opset) == (precision, torch.float16, 19)

    exact = load(place / 'checkpoint', vlm=VlmSettings(size='112x112', prompt=prompt))
    recordings = find_recordings([place / 'new'])
    plan = Plan(questions=20, looks=4)
    found = compare(load(out, 'onnx'), exact, recordings, plan, GATES[precision])
    assert found.hops.divergence is not None
    assert 0 < found.hops.divergence < 0.05
    assert found.hops.lost == 0
    words = ['fidelity', str(out), '--against', str(out), str(place / 'new'), '--pairs', '5']
    words += ['--looks', '3', '--no-noise']
    assert main([*words, '--engine', 'onnx', '--against-engine', 'onnx', '--json']) in (0, 1)
    facts = json.loads(capsys.readouterr().out)
    assert facts['hops']['mae'] == 0
    assert facts['gates']['mae'] == GATES[precision].mae


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
def test_words_that_do_not_go_together(
    words: list[str], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['export', str(place / 'checkpoint'), '--out', str(place / 'x'), *words]) == 2
    assert message in capsys.readouterr().err
