"""8-bit decoders in torch and in ONNX Runtime, and the operators of their graphs."""

from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from robo_dopamine_ros.grm import onnx_export
from robo_dopamine_ros.grm.onnx_runtime import OnnxRuntime
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.compiled.calibration import (
    ActivationRanges,
    linear_layers,
    record_ranges,
)
from robo_dopamine_ros.grm.vlm.compiled.graphs import cache_names, decoder_graph, decoder_sizes
from robo_dopamine_ros.grm.vlm.compiled.quantize import (
    GRIDS,
    QUANTIZED_OPSET,
    QuantizedLinear,
    quantize,
    round_to_grid,
)
from robo_dopamine_ros.grm.vlm.compiled.smooth_quant import smooth_layers
from robo_dopamine_ros.grm.vlm.engine import NetworkShape
from robo_dopamine_ros.grm.vlm.network.decoder import Decoder, additive_mask
from robo_dopamine_ros.grm.vlm.published.family import network_shape

FAMILIES = {'qwen2_5_vl': (224, 308), 'qwen3_vl': (224, 320)}
ANSWER = tuple(range(20, 34))
Model = Any


def make(
    family: str,
    dtype: torch.dtype = torch.float32,
    size: random_checkpoint.RandomModelSize | None = None,
) -> tuple[Model, NetworkShape]:
    tokenizer = random_checkpoint.make_tokenizer()
    model = random_checkpoint.make_model(
        family, tokenizer, size or random_checkpoint.RandomModelSize(), 5
    )
    return model.requires_grad_(False).to(dtype), network_shape(model, *FAMILIES[family])


def questions(
    shape: NetworkShape, seed: int, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """What a decoder reads: 9 tokens of two queries after 6, seeing only what came before."""
    rng = torch.Generator().manual_seed(seed)
    count, past = 9, 6
    feeds = {
        name: torch.randn(size, generator=rng).to(dtype)
        for name, size in decoder_sizes(shape, 2, count, past).items()
    }
    places = torch.arange(past, past + count).expand(3, 2, -1)
    mask = torch.ones(2, 1, count, past + count, dtype=torch.bool).tril(past)
    return feeds | {'positions': places.contiguous(), 'mask': additive_mask(mask, dtype)}


def decoder_of(model: Model, shape: NetworkShape) -> Decoder:
    return Decoder(model.model.language_model, model.lm_head, ANSWER, shape.deepstack).eval()


@torch.no_grad()
def ask(model: Model, shape: NetworkShape, feeds: dict[str, Tensor]) -> tuple[Tensor, ...]:
    return decoder_of(model, shape)(*feeds.values())


def calibrated(model: Model, shape: NetworkShape, times: int = 4) -> ActivationRanges:
    with record_ranges(model.model.language_model.layers) as ranges:
        for seed in range(times):
            ask(model, shape, questions(shape, seed))
    return ranges


def error(found: Tensor, wanted: Tensor) -> float:
    """Root mean square of the difference, in parts of the spread of what is wanted."""
    return float((found - wanted).square().mean().sqrt() / wanted.std())


@pytest.mark.parametrize('family', FAMILIES)
@pytest.mark.parametrize(('precision', 'most'), [('int8', 0.03), ('fp8', 0.08)])
def test_logits_of_8_bits_are_close_and_answers_mostly_the_same(
    family: str, precision: str, most: float
) -> None:
    model, shape = make(family)
    feeds = questions(shape, 100)
    wanted = ask(model, shape, feeds)[0]
    quantize(model.model.language_model, calibrated(model, shape), precision)
    found = ask(model, shape, feeds)[0]
    assert 1e-4 < error(found, wanted) < most
    assert (found.argmax(-1) == wanted.argmax(-1)).double().mean() > 0.85


@pytest.mark.parametrize(
    ('family', 'precision', 'dtype'),
    [
        ('qwen2_5_vl', 'int8', torch.float32),
        ('qwen3_vl', 'fp8', torch.float32),
        ('qwen2_5_vl', 'fp8', torch.float16),
        ('qwen3_vl', 'int8', torch.float16),
    ],
)
def test_the_graph_equals_torch_and_all_its_layers_are_8_bit(
    family: str, precision: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    size = random_checkpoint.RandomModelSize(layers=1, vision_layers=1)
    (model, shape), (exact, _) = make(family, dtype, size), make(family, size=size)
    feeds = questions(shape, 100, dtype)
    quantize(model.model.language_model, calibrated(exact, shape), precision)
    wanted = ask(model, shape, feeds)
    path = tmp_path / 'decoder.onnx'
    onnx_export.write_onnx(decoder_graph(model, shape, ANSWER), path, QUANTIZED_OPSET)
    check(path, precision)
    found = OnnxRuntime(path).run(feeds)
    assert error(found['logits'], wanted[0]) < (1e-4 if dtype is torch.float32 else 0.05)
    for name, value in zip(cache_names(shape), wanted[1:], strict=True):
        assert found[f'new_{name}'].dtype is dtype
        assert error(found[f'new_{name}'].float(), value.float()) < 0.05


def check(path: Path, precision: str) -> None:
    """Seven products of an 8-bit input and 8-bit weights; q, k, v read one input, gate, up too."""
    onnx.checker.check_model(onnx.load(path), full_check=True)
    graph = onnx.load(path).graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    read = ['DequantizeLinear', 'DequantizeLinear']
    products = [n for n in graph.node if [made_by.get(name) for name in n.input] == read]
    assert [n.op_type for n in products] == ['MatMul'] * 7
    count = Counter(node.op_type for node in graph.node)
    assert (count['QuantizeLinear'], count['DequantizeLinear']) == (4, 4 + 7)
    kind = onnx.TensorProto.INT8 if precision == 'int8' else onnx.TensorProto.FLOAT8E4M3FN
    assert sum(w.data_type == kind and len(w.dims) == 2 for w in graph.initializer) == 7


@pytest.mark.parametrize('family', FAMILIES)
def test_smoothing_does_not_change_the_output(family: str) -> None:
    model, shape = make(family)
    feeds = questions(shape, 7)
    wanted, ranges = ask(model, shape, feeds)[0], calibrated(model, shape)
    inputs = smooth_layers(model.model.language_model.layers, ranges.inputs, 0.5)
    assert torch.allclose(ask(model, shape, feeds)[0], wanted, atol=1e-4)
    again = calibrated(model, shape).inputs
    for name, reach in inputs.items():
        assert torch.allclose(reach, again[name], rtol=1e-3, atol=1e-5), name


def test_smoothing_saves_what_an_outlier_would_cost() -> None:
    errors = {}
    for strength in (0.0, 0.5):
        model, shape = make('qwen2_5_vl')
        layers = model.model.language_model.layers
        for layer in layers:  # one channel is 300 times the others, and read as much less
            layer.input_layernorm.weight[3] *= 300.0
            for name in 'qkv':
                layer.self_attn.get_submodule(f'{name}_proj').weight[:, 3] /= 300.0
        feeds, ranges = questions(shape, 100), calibrated(model, shape)
        wanted = ask(model, shape, feeds)[0]
        if strength:
            ranges = ActivationRanges(smooth_layers(layers, ranges.inputs, strength))
        grid = GRIDS['int8']
        for name, linear in linear_layers(layers).items():
            layers.set_submodule(name, QuantizedLinear(linear, ranges.inputs[name].max(), grid))
        errors[strength] = error(ask(model, shape, feeds)[0], wanted)
    assert errors[0.5] < errors[0.0] / 4


@given(st.lists(st.floats(-1000, 1000, width=32), min_size=1), st.sampled_from(list(GRIDS)))
@settings(deadline=None)
def test_rounding_is_to_the_nearest_and_never_leaves_the_grid(
    values: list[float], name: str
) -> None:
    grid, exact = GRIDS[name], torch.tensor(values)
    found = round_to_grid(exact, grid).float()
    kept = exact.clamp(grid.low, grid.high)
    assert bool(torch.isfinite(found).all())
    step = kept.abs() / 16 + 2**-9 if grid.dtype.is_floating_point else torch.full_like(kept, 0.5)
    assert bool(((found - kept).abs() <= step + 1e-6).all())
    assert torch.equal(round_to_grid(found, grid).float(), found)


def test_a_layer_of_zeros_stays_one() -> None:
    linear = nn.Linear(4, 3)
    nn.init.zeros_(linear.weight)
    for grid in GRIDS.values():
        out = QuantizedLinear(linear.half(), torch.tensor(0.0), grid)(torch.ones(2, 4).half())
        assert torch.equal(out, linear.bias.expand(2, -1))


def test_what_was_not_calibrated_is_named() -> None:
    model, _ = make('qwen3_vl')
    with pytest.raises(ValueError, match=r'never reached 0\.self_attn\.q_proj, one of 21 layers'):
        quantize(model.model.language_model, ActivationRanges(), 'int8')
    with pytest.raises(ValueError, match="precision 'int4'; of 8 bits there are fp8, int8"):
        quantize(model.model.language_model, ActivationRanges(), 'int4')


def test_ranges_tell_what_half_precision_cannot_hold() -> None:
    model, shape = make('qwen2_5_vl')
    assert 0.1 < calibrated(model, shape).largest < 1000
    model.model.language_model.layers[1].mlp.down_proj.weight.mul_(1e6)
    assert calibrated(model, shape).largest > 65504
