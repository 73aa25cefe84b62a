"""The rewritten network equals the forward pass of transformers."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.engine import KeyValues, TokenChunk, VisionFeatures
from robo_dopamine_ros.grm.vlm.network.decoder import Decoder, additive_mask, rope_axes
from robo_dopamine_ros.grm.vlm.network.torch_engine import VlmTorchEngine
from robo_dopamine_ros.grm.vlm.network.vision import FixedSizeVisionTower

SIZES = {'qwen2_5_vl': (224, 308), 'qwen3_vl': (224, 320)}  # 640 x 480 at the official limits
ANSWER = tuple(range(20, 34))
TEXTS = (19, 7, 11, 40)  # tokens before, between and after three pictures
Model = Any


class Case(NamedTuple):
    model: Model
    engine: VlmTorchEngine
    pixels: Tensor  # (9, 3, H, W): three for each of three queries
    ids: Tensor  # (3, S)
    positions: Tensor  # (3, 3, S) by transformers
    logits: Tensor  # (3, S, answer tokens) by transformers


@pytest.fixture(params=SIZES, scope='module')
def case(request: pytest.FixtureRequest) -> Case:
    height, width = SIZES[request.param]
    model = make(request.param)
    pixels = torch.randn(9, 3, height, width, generator=torch.Generator().manual_seed(1))
    engine = VlmTorchEngine(model, height, width, ANSWER)
    ids = questions(model, engine, 3)
    return Case(model, engine, pixels, ids, *full(model, ids, pixels))


def make(family: str, dtype: torch.dtype = torch.float32) -> Model:
    model = random_checkpoint.make_model(
        family, random_checkpoint.make_tokenizer(), random_checkpoint.RandomModelSize(), 3
    )
    for name, weight in model.named_parameters():
        if weight.ndim == 1:  # norms and biases that do something
            torch.nn.init.normal_(weight, mean=1.0 if 'norm' in name else 0.0, std=0.2)
    return model.to(dtype)


def patches(pixels: Tensor, patch: int) -> Tensor:
    """Pixels (N, 3, H, W) as the published processor packs them."""
    count, _, height, width = pixels.shape
    across, down = width // patch, height // patch
    frames = pixels[:, None].expand(-1, 2, -1, -1, -1)
    blocks = frames.reshape(count, 2, 3, down // 2, 2, patch, across // 2, 2, patch)
    return blocks.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(count * down * across, -1)


def grids(model: Model, pixels: Tensor) -> Tensor:
    patch = model.config.vision_config.patch_size
    return torch.tensor([[1, pixels.shape[2] // patch, pixels.shape[3] // patch]] * len(pixels))


def questions(model: Model, engine: VlmTorchEngine, queries: int) -> Tensor:
    """Token ids (B, S): texts of random words, and three pictures."""
    config, words = model.config, torch.Generator().manual_seed(2)
    picture = [config.image_token_id] * engine.shape.tokens
    rows = []
    for _ in range(queries):
        texts = [torch.randint(0, 250, (length,), generator=words).tolist() for length in TEXTS]
        row = list(texts[0])
        for text in texts[1:]:
            row += [config.vision_start_token_id, *picture, config.vision_end_token_id, *text]
        rows.append(row)
    return torch.tensor(rows)


@torch.no_grad()
def full(model: Model, ids: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Positions (3, B, S) and logits (B, S, answer tokens) by transformers alone."""
    kinds = (ids == model.config.image_token_id).int()
    grid = grids(model, pixels)
    packed = patches(pixels, model.config.vision_config.patch_size)
    out = model(input_ids=ids, pixel_values=packed, image_grid_thw=grid, mm_token_type_ids=kinds)
    positions, _ = model.model.get_rope_index(ids, image_grid_thw=grid, mm_token_type_ids=kinds)
    return positions, out.logits[..., list(ANSWER)]


def inputs(
    engine: VlmTorchEngine, ids: Tensor, pictures: Tensor, seen: VisionFeatures
) -> tuple[Tensor, Any]:
    """Embeddings (B, S, C) with pictures put in, and dense deepstack features."""
    embeds = torch.stack([engine.embed(row) for row in ids])
    embeds[pictures] = seen.embeds.flatten(0, 1)
    if seen.deepstack is None:
        return embeds, None
    deepstack = torch.zeros(len(seen.deepstack), *embeds.shape, dtype=embeds.dtype)
    deepstack[:, pictures] = seen.deepstack.flatten(1, 2)
    return embeds, deepstack


def read_in_chunks(case: Case, engine: VlmTorchEngine, cuts: tuple[int, ...]) -> Tensor:
    """Logits of the queries, read up to each cut in turn."""
    seen = engine.encode_images(case.pixels)
    pictures = case.ids == case.model.config.image_token_id
    embeds, deepstack = inputs(engine, case.ids, pictures, seen)
    past: KeyValues | None = None
    told, begin = [], 0
    for end in (*cuts, case.ids.shape[1]):
        mask = torch.ones(end - begin, end, dtype=torch.bool).tril(begin)
        part = None if deepstack is None else deepstack[:, :, begin:end]
        chunk = TokenChunk(
            embeds[:, begin:end], case.positions[..., begin:end], mask.expand(3, 1, -1, -1), part
        )
        logits, added = engine.decode(chunk, past)
        told.append(logits)
        past = added if past is None else tuple(map(join, past, added))
        begin = end
    return torch.cat(told, 1)


def join(before: Tensor, added: Tensor) -> Tensor:
    return torch.cat((before, added), 2)


def test_pictures_are_seen_as_transformers_sees_them(case: Case) -> None:
    pixels = case.pixels[:2]
    packed = patches(pixels, case.model.config.vision_config.patch_size)
    with torch.no_grad():
        wanted = case.model.model.visual(packed, grids(case.model, pixels))
    seen = case.engine.encode_images(pixels)
    assert seen.embeds.shape == (2, case.engine.shape.tokens, case.engine.shape.hidden)
    assert 1 < wanted.pooler_output.abs().max() < 50
    assert (seen.embeds.flatten(0, 1) - wanted.pooler_output).abs().max() < 3e-5
    if case.engine.shape.deepstack:
        assert seen.deepstack is not None
        for ours, theirs in zip(seen.deepstack, wanted.deepstack_features, strict=True):
            assert (ours.flatten(0, 1) - theirs).abs().max() < 3e-5


def test_each_picture_is_seen_alone(case: Case) -> None:
    together, alone = (
        case.engine.encode_images(case.pixels[:3]),
        case.engine.encode_images(case.pixels[1:2]),
    )
    assert (together.embeds[1] - alone.embeds[0]).abs().max() < 3e-5


def test_chunks_read_with_kept_keys_equal_the_full_forward(case: Case) -> None:
    logits = read_in_chunks(case, case.engine, (150, case.ids.shape[1] - 1))
    assert 1 < case.logits.abs().max() < 50
    assert (logits - case.logits).abs().max() <= 1e-4


def test_a_tree_of_answers_equals_its_branches(case: Case) -> None:
    """Two tokens of one position that do not see each other, after one text."""
    ids = case.ids[:1, :12]
    rows, last = torch.cat((ids[0], torch.tensor([40, 41]))), 12
    positions = torch.tensor([*range(13), 12]).expand(3, 1, -1)
    mask = torch.ones(14, 14, dtype=torch.bool).tril()
    mask[last + 1, last] = False
    deepstack = None
    if case.engine.shape.deepstack:
        deepstack = torch.zeros(case.engine.shape.deepstack, 1, 14, case.engine.shape.hidden)
    chunk = TokenChunk(case.engine.embed(rows)[None], positions, mask[None, None], deepstack)
    logits, _ = case.engine.decode(chunk)
    for branch, token in enumerate((40, 41)):
        text = torch.cat((ids[0], torch.tensor([token])))[None]
        with torch.no_grad():
            wanted = case.model(input_ids=text).logits[0, -1, list(ANSWER)]
        assert (logits[0, last + branch] - wanted).abs().max() <= 1e-4


@pytest.mark.parametrize(('dtype', 'close'), [(torch.float16, 0.004), (torch.bfloat16, 0.03)])
def test_half_precision_is_near(case: Case, dtype: torch.dtype, close: float) -> None:
    shape = case.engine.shape
    engine = VlmTorchEngine(make(shape.family, dtype), shape.height, shape.width, ANSWER)
    assert engine.dtype is dtype
    assert engine.encode_images(case.pixels[:1]).embeds.dtype is dtype
    logits, wanted = read_in_chunks(case, engine, (150,)), case.logits
    assert logits.dtype is torch.float32
    assert torch.isfinite(logits).all()
    assert (logits - wanted).abs().mean() < close * wanted.std()


def test_casting_the_wrappers_afterwards_keeps_rotary_angles_exact(case: Case) -> None:
    shape = case.engine.shape
    model = make(shape.family)
    vision = FixedSizeVisionTower(model.model.visual, shape.height, shape.width)
    decoder = Decoder(model.model.language_model, model.lm_head, ANSWER, shape.deepstack)
    exact = {**dict(vision.named_buffers()), **dict(decoder.named_buffers())}
    nn.ModuleList((vision, decoder)).half()
    assert model.lm_head.weight.dtype is torch.float32  # not part of it: the chosen rows are
    for name in ('patch_filters', 'cosine', 'sine'):
        assert torch.equal(getattr(vision, name), exact[name])
    for name in ('frequencies', 'head'):
        assert torch.equal(getattr(decoder, name), exact[name])
    assert decoder.layers[0].mlp.gate_proj.weight.dtype is torch.float16
    assert torch.isfinite(vision(case.pixels[:1])[0]).all()


def test_nothing_has_a_gradient(case: Case) -> None:
    seen = case.engine.encode_images(case.pixels[:1])
    assert not seen.embeds.requires_grad
    assert not case.engine.embed(torch.arange(3)).requires_grad


def test_pictures_of_another_size_are_refused(case: Case) -> None:
    with pytest.raises(ValueError, match=r'pixels \(1, 3, 56, 56\); this engine takes \(N, 3, 224'):
        case.engine.encode_images(torch.zeros(1, 3, 56, 56))


def test_a_size_that_is_no_multiple_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match='300 x 308 px; both must be multiples of'):
        VlmTorchEngine(case.model, 300, 308, ANSWER)


def test_deepstack_features_must_fit_the_family(case: Case) -> None:
    some = None if case.engine.shape.deepstack else torch.zeros(3, 1, 2, 64)
    mask = torch.ones(1, 1, 2, 2, dtype=torch.bool)
    chunk = TokenChunk(torch.zeros(1, 2, 64), torch.zeros(3, 1, 2, dtype=torch.long), mask, some)
    with pytest.raises(ValueError, match=case.engine.shape.family):
        case.engine.decode(chunk)


def test_unknown_rotary_positions_are_refused(case: Case) -> None:
    model = make(case.engine.shape.family)
    model.model.language_model.config.rope_parameters['rope_type'] = 'yarn'
    with pytest.raises(ValueError, match='\'yarn\'; only "default"'):
        Decoder(model.model.language_model, model.lm_head, ANSWER, 0)


def test_a_mask_is_added() -> None:
    mask = torch.tensor([[True, False]])
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert torch.softmax(additive_mask(mask, dtype), -1).tolist() == [[1.0, 0.0]]


def test_rotary_axes_as_published() -> None:
    assert rope_axes([1, 2, 1], interleaved=False) == [0, 1, 1, 2]
    assert rope_axes([4, 2, 2], interleaved=True) == [0, 1, 2, 0, 1, 2, 0, 0]
    counts = [rope_axes([24, 20, 20], interleaved=True).count(axis) for axis in range(3)]
    assert counts == [24, 20, 20]
