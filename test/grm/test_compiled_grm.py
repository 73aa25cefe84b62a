"""Compiled GRMs of both families: contents of the folder, and agreement of all engines."""

import dataclasses
import json
import shutil
import sys

import numpy as np
import pytest
import torch
from fake_tensorrt import fake_gpu, fake_tensorrt

from robo_dopamine_ros.grm.loading import load
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.tensorrt.environment import Gpu
from robo_dopamine_ros.grm.vlm.compiled import export as exporting
from robo_dopamine_ros.grm.vlm.compiled import model_dir as folders
from robo_dopamine_ros.grm.vlm.compiled.export import export
from robo_dopamine_ros.grm.vlm.compiled.graph_engine import VlmGraphEngine
from robo_dopamine_ros.grm.vlm.compiled.graphs import decoder_profiles, vision_profiles
from robo_dopamine_ros.grm.vlm.compiled.model_dir import read_vlm_card
from robo_dopamine_ros.grm.vlm.engine import TokenChunk
from robo_dopamine_ros.grm.vlm.loading import grm_from_checkpoint
from robo_dopamine_ros.grm.vlm.network.torch_engine import VlmTorchEngine
from robo_dopamine_ros.grm.vlm.published.checkpoint import open_checkpoint, read_tokenizer
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout
from robo_dopamine_ros.grm.vlm.query.prompt import short_prompt
from robo_dopamine_ros.grm.vlm.random_checkpoint import RandomModelSize, write_random_checkpoint
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

FAMILIES = ('qwen2_5_vl', 'qwen3_vl')
SMALL = RandomModelSize(layers=2, vision_layers=3)
SIZE = (640, 480)
LIMIT = 1e-4


@pytest.fixture(scope='module', params=FAMILIES)
def compiled(request, tmp_path_factory):
    """A checkpoint and the folder it was compiled into."""
    place = tmp_path_factory.mktemp(request.param)
    write_random_checkpoint(place / 'checkpoint', request.param, SMALL)
    checkpoint = open_checkpoint(place / 'checkpoint', device='cpu', dtype='float32')
    export(checkpoint, place / 'model', SIZE, short_prompt())
    return checkpoint, place / 'model'


@pytest.fixture(scope='module')
def engines(compiled):
    """The network in torch, and the graphs in ONNX Runtime."""
    checkpoint, folder = compiled
    graphs = VlmGraphEngine.open(folder)
    shape = graphs.shape
    return VlmTorchEngine(checkpoint.model, shape.height, shape.width, graphs.answer_tokens), graphs


def chunk(shape, batch, count, past, seed=0):
    """Any tokens after any others, some of which they may not look at."""
    chance = torch.Generator().manual_seed(seed)
    mask = torch.rand(batch, 1, count, past + count, generator=chance) > 0.2
    mask[..., past:] = torch.eye(count, dtype=torch.bool) | mask[..., past:].tril()
    deep = torch.randn(shape.deepstack, batch, count, shape.hidden, generator=chance)
    return TokenChunk(
        torch.randn(batch, count, shape.hidden, generator=chance),
        torch.randint(0, 2000, (3, batch, count), generator=chance),
        mask,
        deep if shape.deepstack else None,
    )


def kv(shape, batch, past, seed=1):
    chance = torch.Generator().manual_seed(seed)
    size = (batch, shape.heads_kv, past, shape.head_dim)
    return tuple(torch.randn(size, generator=chance) for _ in range(2 * shape.layers))


def apart(first, second):
    return max((a - b).abs().max().item() for a, b in zip(first, second, strict=True))


def test_engines_are_about_the_same(engines):
    network, graphs = engines
    assert graphs.shape == network.shape
    assert graphs.answer_tokens == network.answer_tokens
    assert (graphs.device, graphs.dtype) == (network.device, network.dtype)


@pytest.mark.parametrize('count', [1, 2, 8])
def test_vision_towers_agree(engines, count):
    network, graphs = engines
    shape = graphs.shape
    pixels = torch.randn(count, 3, shape.height, shape.width)
    seen, wanted = graphs.encode_images(pixels), network.encode_images(pixels)
    assert apart([seen.embeds], [wanted.embeds]) < LIMIT
    assert (seen.deepstack is None) == (shape.deepstack == 0)
    if shape.deepstack:
        assert apart([seen.deepstack], [wanted.deepstack]) < LIMIT
    with pytest.raises(ValueError, match=r'this engine takes \(N, \*\(3, 224, '):
        graphs.encode_images(pixels[:, :, :-1])


@pytest.mark.parametrize(('batch', 'count', 'past'), [(1, 9, 0), (3, 4, 11), (2, 1, 30), (3, 1, 1)])
def test_decoders_agree(engines, batch, count, past):
    network, graphs = engines
    shape = graphs.shape
    given = chunk(shape, batch, count, past, seed=past)
    before = kv(shape, batch, past) if past else None
    found, wanted = graphs.decode(given, before), network.decode(given, before)
    assert apart([found[0], *found[1]], [wanted[0], *wanted[1]]) < LIMIT
    assert found[0].shape == (batch, count, len(graphs.answer_tokens))
    assert found[0].dtype is torch.float32


def test_decoding_in_chunks_equals_decoding_at_once(engines):
    _, graphs = engines
    shape = graphs.shape
    whole = chunk(shape, 2, 12, 0)
    causal = torch.ones(12, 12, dtype=torch.bool).tril().expand(2, 1, -1, -1)
    whole = whole._replace(mask=causal)
    logits, _ = graphs.decode(whole)
    past, found = None, []
    for first, last in ((0, 5), (5, 11), (11, 12)):
        deep = None if whole.deepstack is None else whole.deepstack[:, :, first:last]
        piece = TokenChunk(
            whole.embeds[:, first:last],
            whole.positions[:, :, first:last],
            causal[:, :, first:last, :last],
            deep,
        )
        out, new = graphs.decode(piece, past)
        past = new if past is None else tuple(map(lambda *p: torch.cat(p, 2), past, new))
        found.append(out)
    assert apart([torch.cat(found, 1)], [logits]) < LIMIT


def test_embeddings_are_read_from_disk(engines):
    network, graphs = engines
    ids = torch.tensor([0, 5, 270, 5])
    assert torch.equal(graphs.embed(ids), network.embed(ids))


def test_missing_deepstack_features_are_refused(engines):
    _, graphs = engines
    given = chunk(graphs.shape, 1, 3, 0)
    other = None if graphs.shape.deepstack else torch.zeros(1, 1, 3, graphs.shape.hidden)
    with pytest.raises(ValueError, match='deepstack features'):
        graphs.decode(given._replace(deepstack=other))


def test_contents_of_the_model_folder(compiled):
    checkpoint, folder = compiled
    card = read_vlm_card(folder)
    assert (card.name, card.precision, card.opset) == ('checkpoint', 'fp32', 18)
    assert card.prompt == short_prompt().sha256
    assert card.images == checkpoint.images
    assert json.loads((folder / 'model.json').read_text())['kind'] == 'vlm-grm-1'
    assert {path.name for path in folder.iterdir()} == {
        *('model.json', 'vision.onnx', 'decoder.onnx', 'embedding.safetensors'),
        *('tokenizer.json', 'chat.txt'),
    }
    tokens = AnswerTokens.of(read_tokenizer(folder))
    layout = PromptLayout.of(
        checkpoint.tokenizer,
        folders.read_prompt_text(folder),
        exporting.TYPICAL_TASK,
        card.shape,
        tokens,
    )
    assert card.lengths == folders.SectionLengths(
        len(layout.prefix.ids), len(layout.before.ids), len(layout.after.ids)
    )


def test_profiles_cover_every_chunk_of_a_query(compiled):
    _, folder = compiled
    card = read_vlm_card(folder)
    told, shape = card.lengths, card.shape
    known = told.prefix + told.before
    parts = (
        (1, told.prefix, 0),
        (3, told.before, told.prefix),
        (1, told.before + 40, told.prefix + 30),
        (3, told.after + 37, known),
        (3, told.after + 37 + 100, known + 20),
        (3, 1, known + told.after + 37),
        (1, 16, known + told.after + 200),
    )
    for batch, count, past in parts:
        sizes = {'embeds': (batch, count, shape.hidden), 'mask': (batch, 1, count, past + count)}
        assert any(
            all(inside(size, profile[name]) for name, size in sizes.items())
            for profile in decoder_profiles(shape, told)
        ), (batch, count, past)
    (vision,) = vision_profiles(shape)
    assert all(inside((n, 3, shape.height, shape.width), vision['pixels']) for n in (1, 3, 8))


def inside(size, ends):
    return all(low <= n <= high for low, n, high in zip(ends[0], size, ends[2], strict=True))


def test_a_compiled_grm_agrees_with_its_checkpoint(compiled):
    checkpoint, folder = compiled
    told = []
    settings = VlmSettings(readout='expectation')
    plain = grm_from_checkpoint(checkpoint, short_prompt(), settings)
    for model in (plain, load(folder, 'onnx', threads=0, vlm=settings)):
        model.reset(TaskContext('stack the cups', scene(0), scene(9)))
        told.append([model.step(scene(seed)) for seed in (1, 2)])
    for one, other in zip(*told, strict=True):
        assert one.valid
        assert one.incremental == pytest.approx(other.incremental, abs=1e-4)
        assert one.forward == pytest.approx(other.forward, abs=1e-4)
        assert one.backward == pytest.approx(other.backward, abs=1e-4)


def scene(seed):
    chance = np.random.default_rng(seed)
    images = {view: chance.integers(0, 255, (480, 640, 3), np.uint8) for view in VIEWS}
    return Views(images, dict.fromkeys(VIEWS, seed))


@pytest.mark.parametrize('version', ['10.3.0', '11.4.0.106'])
def test_tensorrt_gives_what_onnx_runtime_does(compiled, engines, monkeypatch, tmp_path, version):
    _, folder = compiled
    fake = fake_tensorrt(version)
    monkeypatch.setitem(sys.modules, 'tensorrt', fake)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(Gpu, 'current', fake_gpu)
    told = []
    engine = VlmGraphEngine.open(folder, 'tensorrt', report=lambda share, what: told.append(share))
    assert told == sorted(told)
    _, graphs = engines
    shape = engine.shape
    pixels = torch.randn(3, 3, shape.height, shape.width)
    assert torch.equal(engine.encode_images(pixels).embeds, graphs.encode_images(pixels).embeds)
    for batch, count, past in ((1, 20, 0), (3, 30, 50), (3, 1, 900)):
        given, before = chunk(shape, batch, count, past), kv(shape, batch, past)
        found, wanted = engine.decode(given, before), graphs.decode(given, before)
        assert apart([found[0], *found[1]], [wanted[0], *wanted[1]]) < LIMIT
    VlmGraphEngine.open(folder, 'tensorrt')
    assert len([name for name, *_ in fake.calls if name == 'build']) == 2


@pytest.mark.parametrize(
    'name', ['vision.onnx', 'decoder.onnx', 'embedding.safetensors', 'tokenizer.json', 'chat.txt']
)
@pytest.mark.parametrize('harm', ['gone', 'short'])
def test_a_damaged_folder_names_the_file(compiled, tmp_path, name, harm):
    folder = shutil.copytree(compiled[1], tmp_path / 'model')
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if harm == 'short':
        (folder / name).write_bytes(content[: len(content) // 2])
    told = 'is missing' if harm == 'gone' else f'bytes, and had {len(content)}'
    with pytest.raises(ModelError, match=f'{name} .*{told}; export the model again'):
        VlmGraphEngine.open(folder)


@pytest.mark.parametrize('text', ['', '[]', '{"kind": "compact-grm-1"}', '{"kind": "vlm-grm-1"}'])
def test_a_broken_card_is_named(compiled, tmp_path, text):
    folder = shutil.copytree(compiled[1], tmp_path / 'model')
    (folder / 'model.json').write_text(text)
    with pytest.raises(ModelError, match='model.json'):
        VlmGraphEngine.open(folder)


def test_engines_that_do_not_exist_are_refused(compiled):
    with pytest.raises(ModelError, match="'cuda' of a compiled model is one of onnx, tensorrt"):
        VlmGraphEngine.open(compiled[1], 'cuda')


# ---- writing, with one family


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    place = tmp_path_factory.mktemp('plain')
    write_random_checkpoint(place, FAMILIES[0], RandomModelSize(layers=1, vision_layers=2))
    return place


def test_a_folder_that_is_not_empty_is_left_alone(checkpoint, tmp_path):
    (tmp_path / 'mine').touch()
    opened = open_checkpoint(checkpoint, device='cpu')
    with pytest.raises(ModelError, match='is not empty; give a new folder, nothing is written'):
        export(opened, tmp_path, SIZE, short_prompt())
    assert [path.name for path in tmp_path.iterdir()] == ['mine']


@pytest.mark.parametrize('at', ['writing the language model', 'hashing'])
def test_an_interrupted_export_leaves_nothing(checkpoint, tmp_path, at, monkeypatch):
    def impatient(share, what):
        if what == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(
        exporting, 'write_onnx', lambda graph, path, opset: path.write_bytes(b'graph')
    )
    opened = open_checkpoint(checkpoint, device='cpu')
    with pytest.raises(KeyboardInterrupt):
        export(opened, tmp_path / 'model', SIZE, short_prompt(), report=impatient)
    assert not list(tmp_path.iterdir())


def test_bf16_is_for_tensorrt_alone(compiled, tmp_path):
    folder = shutil.copytree(compiled[1], tmp_path / 'model')
    card = dataclasses.replace(read_vlm_card(folder), precision='bf16')
    folders.write_vlm_card(folder, card)
    assert read_vlm_card(folder).dtype is torch.bfloat16
    with pytest.raises(ModelError, match='bf16, which ONNX Runtime cannot .* --precision fp32'):
        VlmGraphEngine.open(folder)


def test_fp16_agrees_within_tolerance(checkpoint, tmp_path):
    opened = open_checkpoint(checkpoint, device='cpu', dtype='float16')
    export(opened, tmp_path / 'model', SIZE, short_prompt())
    engine = VlmGraphEngine.open(tmp_path / 'model')
    network = VlmTorchEngine(
        opened.model, engine.shape.height, engine.shape.width, engine.answer_tokens
    )
    given = chunk(engine.shape, 2, 6, 0)
    given = given._replace(embeds=given.embeds.half())
    found, wanted = engine.decode(given), network.decode(given)
    assert apart([found[0]], [wanted[0]]) < 0.02 * wanted[0].abs().max()
    assert found[1][0].dtype is torch.float16
