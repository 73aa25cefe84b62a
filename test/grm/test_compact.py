"""The compact GRM: network, engines and model folders."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.grm.compact.config import CompactShape
from robo_dopamine_ros.grm.compact.loading import load_compact
from robo_dopamine_ros.grm.compact.model import CompactGRM, CompactOnnxEngine, pixel_noise
from robo_dopamine_ros.grm.compact.model_card import ModelCard
from robo_dopamine_ros.grm.compact.network import CompactNetwork
from robo_dopamine_ros.grm.compact.torch_engine import CompactTorchEngine
from robo_dopamine_ros.grm.compact.weights import read_network, save_model
from robo_dopamine_ros.grm.hops import hop_from_change
from robo_dopamine_ros.grm.protocol import GRM, ModelError
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

SMALL = CompactShape(width=64, height=32, token=16, state=32)


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
    card = ModelCard('toy', VIEWS, 'stack', SMALL, least_familiarity=0.0)
    save_model(path, CompactNetwork(SMALL), card, pictures(99), {'seed': 0})
    return path


@pytest.mark.parametrize('engine', ['torch', 'onnx'])
def test_a_compact_model_implements_the_grm_protocol(folder, engine):
    model = load_compact(folder, engine)
    assert isinstance(model, GRM)
    model.reset(TaskContext('stack', pictures(0)))
    first, again, other = (model.step(pictures(n)) for n in (1, 1, 2))
    assert first.incremental == 0.0
    assert again.incremental == pytest.approx(0.0, abs=1e-6)
    assert other.incremental != 0.0
    assert all(-1 <= h <= 1 for h in (other.incremental, other.forward, other.backward))


def test_engines_agree(folder):
    torch_engine = CompactTorchEngine(read_network(folder, SMALL))
    onnx_engine = CompactOnnxEngine(folder)
    rng = np.random.default_rng(0)
    for present in ([1, 1, 1], [1, 0, 1], [0, 1, 0]):
        feed = rng.random((3, 3, 32, 64), np.float32), np.array(present, np.float32)
        one, two = torch_engine.encode(*feed), onnx_engine.encode(*feed)
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
def test_change_is_antisymmetric(seed):
    generator = torch.Generator().manual_seed(seed)
    network = CompactNetwork(SMALL)
    before, after = torch.randn(2, 5, SMALL.state, generator=generator)
    with torch.no_grad():
        there, back = network.change(before, after), network.change(after, before)
        assert torch.allclose(there, -back, atol=1e-5)
        assert torch.allclose(network.change(before, before), torch.zeros(5), atol=1e-6)


def test_an_image_of_one_colour_has_a_finite_gradient():
    network = CompactNetwork(SMALL)
    tokens = network.tokens(torch.full((1, 3, 3, 32, 64), 0.5), torch.ones(1, 3))
    tokens.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


@given(st.floats(-2, 2), st.floats(0, 1))
def test_a_hop_is_bounded_and_keeps_the_sign(change, before):
    value = hop_from_change(change, before)
    assert -1 <= value <= 1
    assert value * change >= 0


def test_hop_from_change_equals_the_label():
    for before, after in ((0.2, 0.6), (0.6, 0.2), (0.0, 1.0), (1.0, 0.0)):
        label = (after - before) / (1 - before if after >= before else before)
        assert hop_from_change(after - before, before) == pytest.approx(label)


@pytest.mark.parametrize('engine', ['auto', 'onnx'])
def test_onnx_runs_without_torch(folder, engine):
    code = (
        'import sys, numpy as np\n'
        'from robo_dopamine_ros.grm.compact.loading import load_compact\n'
        'from robo_dopamine_ros.types import TaskContext, Views\n'
        'model = load_compact(sys.argv[1], sys.argv[2])\n'
        'image = np.full((48, 64, 3), 90, np.uint8)\n'
        'views = Views(dict.fromkeys(model.views, image), dict.fromkeys(model.views, 1))\n'
        'model.reset(TaskContext("stack", views))\n'
        'assert model.step(views).valid\n'
        'assert "onnxruntime" in sys.modules\n'
        'assert not {"torch", "scipy"} & set(sys.modules)\n'
    )
    words = [sys.executable, '-c', code, str(folder), engine]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_missing_views_and_no_views(folder):
    model = load_compact(folder)
    model.reset(TaskContext('stack', pictures(0)))
    assert model.step(pictures(1, ('front',))).valid
    nothing = model.step(Views({}, {'front': 1}))
    assert not nothing.valid
    assert 'none of the views' in nothing.reason


def test_pixel_noise_makes_hops_invalid(folder):
    model = load_compact(folder)
    clean = pictures(1)
    model.reset(TaskContext('stack', clean))
    rng = np.random.default_rng(0)
    noisy = {
        name: np.clip(image + rng.normal(0, 0.3 * 255, image.shape), 0, 255).astype(np.uint8)
        for name, image in clean.images.items()
    }
    reading = model.step(Views(noisy, clean.stamps))
    assert not reading.valid
    assert 'pixel noise' in reading.reason


def test_pixel_noise_estimates_the_standard_deviation():
    noise = np.random.default_rng(0).normal(128, 0.05 * 255, (480, 640, 3))
    assert pixel_noise(noise.astype(np.uint8)) == pytest.approx(0.05, rel=0.1)


def test_unfamiliar_views_are_invalid_and_not_kept(folder):
    card = ModelCard('toy', VIEWS, 'stack', SMALL, least_familiarity=1.1)
    model = CompactGRM(card, CompactTorchEngine(read_network(folder, SMALL)), pictures(99))
    model.reset(TaskContext('stack', pictures(0)))
    for n in (1, 2):
        reading = model.step(pictures(n))
        assert not reading.valid
        assert reading.incremental == 0.0
        assert 'unfamiliar' in reading.reason


def test_the_goal_of_the_context_replaces_the_stored_one(folder):
    model = load_compact(folder)
    model.reset(TaskContext('stack', pictures(0), pictures(1)))
    assert model.step(pictures(1)).backward == pytest.approx(0.0, abs=1e-6)


def test_step_before_reset_is_refused(folder):
    with pytest.raises(RuntimeError, match='reset'):
        load_compact(folder).step(pictures(0))


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
        load_compact(copy)


@pytest.mark.parametrize('change', [lambda b: b[: len(b) // 2], lambda b: b'pickle' * 10])
def test_bad_weights_are_named(folder, tmp_path, change):
    copy = tmp_path / 'copy'
    shutil.copytree(folder, copy)
    weights = copy / 'weights.safetensors'
    weights.write_bytes(change(weights.read_bytes()))
    with pytest.raises(ModelError, match='weights.safetensors'):
        load_compact(copy, 'torch')


def test_unknown_engine(folder):
    with pytest.raises(ModelError, match='auto, onnx, torch'):
        load_compact(folder, 'cuda')


def edit(folder, **changes):
    card = folder / 'model.json'
    facts = json.loads(card.read_text())
    for key, value in changes.items():
        facts[key] = {**facts[key], **value} if isinstance(value, dict) else value
    card.write_text(json.dumps(facts))
