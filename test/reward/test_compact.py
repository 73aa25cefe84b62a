"""The compact GRM: what its network, engines and model folders promise."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.reward.compact import load
from robo_dopamine_ros.reward.compact.engines import OnnxEngine
from robo_dopamine_ros.reward.compact.model import Card, CompactGRM, hop
from robo_dopamine_ros.reward.compact.network import Network
from robo_dopamine_ros.reward.compact.pictures import grain
from robo_dopamine_ros.reward.compact.shape import Shape
from robo_dopamine_ros.reward.compact.torch_engine import TorchEngine
from robo_dopamine_ros.reward.compact.weights import read_network, save
from robo_dopamine_ros.reward.grm import GRM, ModelError
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

SMALL = Shape(width=64, height=32, token=16, state=32)


def pictures(seed: int, names: tuple[str, ...] = VIEWS) -> Views:
    """Smooth random pictures at a camera's size."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (len(names), 6, 8, 3), np.uint8)
    images = {
        n: np.kron(c, np.ones((10, 10, 1), np.uint8)) for n, c in zip(names, coarse, strict=True)
    }
    return Views(images, dict.fromkeys(names, seed))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('model')
    card = Card('toy', VIEWS, 'stack', SMALL, least_familiarity=0.0)
    save(path, Network(SMALL), card, pictures(99), {'seed': 0})
    return path


@pytest.mark.parametrize('engine', ['torch', 'onnx'])
def test_it_is_a_grm_that_compares_views(folder, engine):
    model = load(folder, engine)
    assert isinstance(model, GRM)
    model.begin(TaskContext('stack', pictures(0)))
    first, again, other = (model.step(pictures(n)) for n in (1, 1, 2))
    assert first.incremental == 0.0
    assert again.incremental == pytest.approx(0.0, abs=1e-6)
    assert other.incremental != 0.0
    assert all(-1 <= h <= 1 for h in (other.incremental, other.forward, other.backward))


def test_engines_agree(folder):
    torch_engine = TorchEngine(read_network(folder, SMALL))
    onnx_engine = OnnxEngine(folder)
    rng = np.random.default_rng(0)
    for present in ([1, 1, 1], [1, 0, 1], [0, 1, 0]):
        feed = rng.random((3, 3, 32, 64), np.float32), np.array(present, np.float32)
        one, two = torch_engine.see(*feed), onnx_engine.see(*feed)
        np.testing.assert_allclose(one.state, two.state, atol=1e-4)
        assert one.progress == pytest.approx(two.progress, abs=1e-5)
        assert one.familiarity == pytest.approx(two.familiarity, abs=1e-5)
        before = rng.normal(size=(3, SMALL.state)).astype(np.float32)
        np.testing.assert_allclose(
            torch_engine.compare(before, one.state),
            onnx_engine.compare(before, one.state),
            atol=1e-4,
        )


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_going_back_undoes_going_there(seed):
    generator = torch.Generator().manual_seed(seed)
    network = Network(SMALL)
    before, after = torch.randn(2, 5, SMALL.state, generator=generator)
    with torch.no_grad():
        there, back = network.change(before, after), network.change(after, before)
        assert torch.allclose(there, -back, atol=1e-5)
        assert torch.allclose(network.change(before, before), torch.zeros(5), atol=1e-6)


def test_a_picture_of_one_colour_has_a_gradient():
    network = Network(SMALL)
    tokens = network.tokens(torch.full((1, 3, 3, 32, 64), 0.5), torch.ones(1, 3))
    tokens.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


@given(st.floats(-2, 2), st.floats(0, 1))
def test_a_hop_is_a_share_of_the_room(change, before):
    value = hop(change, before)
    assert -1 <= value <= 1
    assert value * change >= 0


def test_the_hop_of_the_labels_is_recovered():
    for before, after in ((0.2, 0.6), (0.6, 0.2), (0.0, 1.0), (1.0, 0.0)):
        label = (after - before) / (1 - before if after >= before else before)
        assert hop(after - before, before) == pytest.approx(label)


@pytest.mark.parametrize('engine', ['auto', 'onnx'])
def test_onnx_runs_without_torch(folder, engine):
    code = (
        'import sys, numpy as np\n'
        'from robo_dopamine_ros.reward.compact import load\n'
        'from robo_dopamine_ros.types import TaskContext, Views\n'
        'model = load(sys.argv[1], sys.argv[2])\n'
        'image = np.full((48, 64, 3), 90, np.uint8)\n'
        'views = Views(dict.fromkeys(model.views, image), dict.fromkeys(model.views, 1))\n'
        'model.begin(TaskContext("stack", views))\n'
        'assert model.step(views).valid\n'
        'assert "onnxruntime" in sys.modules\n'
        'assert not {"torch", "scipy"} & set(sys.modules)\n'
    )
    words = [sys.executable, '-c', code, str(folder), engine]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_missing_views_and_no_views(folder):
    model = load(folder)
    model.begin(TaskContext('stack', pictures(0)))
    assert model.step(pictures(1, ('front',))).valid
    nothing = model.step(Views({}, {'front': 1}))
    assert not nothing.valid
    assert 'none of the views' in nothing.reason


def test_pixel_noise_is_no_reading(folder):
    model = load(folder)
    clean = pictures(1)
    model.begin(TaskContext('stack', clean))
    rng = np.random.default_rng(0)
    noisy = {
        name: np.clip(image + rng.normal(0, 0.3 * 255, image.shape), 0, 255).astype(np.uint8)
        for name, image in clean.images.items()
    }
    reading = model.step(Views(noisy, clean.stamps))
    assert not reading.valid
    assert 'pixel noise' in reading.reason


def test_grain_reads_the_standard_deviation():
    noise = np.random.default_rng(0).normal(128, 0.05 * 255, (480, 640, 3))
    assert grain(noise.astype(np.uint8)) == pytest.approx(0.05, rel=0.1)


def test_unfamiliar_views_are_no_reading_and_leave_no_trace(folder):
    card = Card('toy', VIEWS, 'stack', SMALL, least_familiarity=1.1)
    model = CompactGRM(card, TorchEngine(read_network(folder, SMALL)), pictures(99))
    model.begin(TaskContext('stack', pictures(0)))
    for n in (1, 2):
        reading = model.step(pictures(n))
        assert not reading.valid
        assert reading.incremental == 0.0
        assert 'unfamiliar' in reading.reason


def test_a_goal_of_the_episode_wins_over_the_learnt_one(folder):
    model = load(folder)
    model.begin(TaskContext('stack', pictures(0), pictures(1)))
    assert model.step(pictures(1)).backward == pytest.approx(0.0, abs=1e-6)


def test_step_before_begin(folder):
    with pytest.raises(RuntimeError, match='begin'):
        load(folder).step(pictures(0))


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda f: (f / 'model.json').unlink(), 'no model folder'),
        (lambda f: (f / 'model.json').write_text('{'), 'no model folder'),
        (lambda f: (f / 'model.json').write_text('{"kind": "other"}'), 'not of kind'),
        (lambda f: edit(f, shape={'width': 30}), '30x32'),
        (lambda f: edit(f, speed=3), 'speed'),
        (lambda f: (f / 'goal' / 'front.png').write_bytes(b'no'), 'front.png'),
        (lambda f: (f / 'see.onnx').unlink(), 'see.onnx is missing'),
        (lambda f: (f / 'see.onnx').write_bytes(b'no'), 'see.onnx'),
        (lambda f: (f / 'compare.onnx').unlink(), 'compare.onnx'),
    ],
)
def test_bad_folders_are_named(folder, tmp_path, spoil, message):
    copy = tmp_path / 'copy'
    shutil.copytree(folder, copy)
    spoil(copy)
    with pytest.raises(ModelError, match=message):
        load(copy)


@pytest.mark.parametrize('change', [lambda b: b[: len(b) // 2], lambda b: b'pickle' * 10])
def test_bad_weights_are_named(folder, tmp_path, change):
    copy = tmp_path / 'copy'
    shutil.copytree(folder, copy)
    weights = copy / 'weights.safetensors'
    weights.write_bytes(change(weights.read_bytes()))
    with pytest.raises(ModelError, match='weights.safetensors'):
        load(copy, 'torch')


def test_unknown_engine(folder):
    with pytest.raises(ModelError, match='auto, onnx, torch'):
        load(folder, 'cuda')


def edit(folder, **changes):
    card = folder / 'model.json'
    facts = json.loads(card.read_text())
    for key, value in changes.items():
        facts[key] = {**facts[key], **value} if isinstance(value, dict) else value
    card.write_text(json.dumps(facts))
