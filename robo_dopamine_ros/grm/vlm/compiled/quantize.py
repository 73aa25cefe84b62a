"""8-bit quantization of the language model: fp8, and int8 for GPUs without fp8.

The linear layers of the decoder get 8-bit weights and quantize their inputs; all other weights keep
their type. An exported graph has explicit QuantizeLinear and DequantizeLinear operators, which
TensorRT fuses into 8-bit arithmetic. In torch the same rounding is emulated, so that parity can be
measured on any machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback, sub_progress
from robo_dopamine_ros.grm.vlm.compiled.calibration import (
    ActivationRanges,
    calibrate,
    linear_layers,
)
from robo_dopamine_ros.grm.vlm.compiled.smooth_quant import smooth_layers
from robo_dopamine_ros.grm.vlm.loading import apply_area_limits, grm_from_checkpoint
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint, open_checkpoint
from robo_dopamine_ros.grm.vlm.query.prompt import Prompt
from robo_dopamine_ros.grm.vlm.settings import PRECISIONS, VlmSettings
from robo_dopamine_ros.types import Recording

QUANTIZED_OPSET = 19  # the first with float16 inputs and fp8 outputs; TensorRT 10.3 supports it
FLOAT16_MAX = 65504.0


@dataclass(frozen=True)
class QuantizationGrid:
    """The representable numbers of an 8-bit precision."""

    dtype: torch.dtype
    low: float
    high: float
    per_channel: bool  # one weight scale for each output channel, instead of one for the layer
    smoothing: float | None  # SmoothQuant strength 0..1 (smooth_quant.py); None: not used


GRIDS = {
    'fp8': QuantizationGrid(torch.float8_e4m3fn, -448.0, 448.0, per_channel=False, smoothing=None),
    'int8': QuantizationGrid(torch.int8, -128.0, 127.0, per_channel=True, smoothing=0.5),
}


def load_for_export(
    name: str,
    precision: str,
    recordings: Sequence[Recording],
    questions: int,
    settings: VlmSettings,
    prompt: Prompt,
    report: ProgressCallback,
) -> PublishedCheckpoint:
    """Load a checkpoint on the CPU in a precision of `export`.

    For 8 bits it is calibrated by `questions` about the recordings, on a GPU if there is one.
    """
    if precision in PRECISIONS:
        opened = open_checkpoint(name, 'cpu', PRECISIONS[precision], report)
        return replace(opened, images=apply_area_limits(opened.images, settings))
    opened = open_checkpoint(name, report=sub_progress(report, 0.0, 0.2))
    checkpoint = replace(opened, images=apply_area_limits(opened.images, settings))
    model = grm_from_checkpoint(checkpoint, prompt, settings)
    ranges = calibrate(
        model, checkpoint, recordings, questions, report=sub_progress(report, 0.2, 1.0)
    )
    quantize_checkpoint(checkpoint, ranges, precision)
    return checkpoint


def quantize_checkpoint(
    checkpoint: PublishedCheckpoint, ranges: ActivationRanges, precision: str
) -> None:
    """Quantize a checkpoint in place and move it to the CPU; what is not 8-bit becomes float16.

    Raises ModelError if its activations exceed float16.
    """
    if not ranges.largest <= FLOAT16_MAX:
        raise ModelError(
            f'{checkpoint.name}: inside, numbers reach {ranges.largest:.3g}, and float16, which '
            f'{precision} goes with, ends at {FLOAT16_MAX:.0f}; export it with --precision bf16'
        )
    checkpoint.model.to('cpu', torch.float16)
    quantize(checkpoint.model.model.language_model, ranges, precision)


def quantize(language_model: nn.Module, ranges: ActivationRanges, precision: str) -> None:
    """Replace the linear layers of a decoder by 8-bit ones, in place.

    Raises ValueError for an unknown precision and for a layer that calibration did not reach.
    """
    if precision not in GRIDS:
        raise ValueError(f'precision {precision!r}; of 8 bits there are {", ".join(GRIDS)}')
    grid = GRIDS[precision]
    layers: Any = language_model.layers
    unseen = [name for name in linear_layers(layers) if name not in ranges.inputs]
    if unseen:
        raise ValueError(f'calibration never reached {unseen[0]}, one of {len(unseen)} layers')
    inputs = ranges.inputs
    if grid.smoothing is not None:
        inputs = smooth_layers(layers, inputs, grid.smoothing)
    for name, linear in linear_layers(layers).items():
        layers.set_submodule(name, QuantizedLinear(linear, inputs[name].max(), grid))


class QuantizedLinear(nn.Module):
    """Linear layer with 8-bit weights (in, out) that quantizes its inputs to 8 bits."""

    weight: Tensor
    weight_scale: Tensor
    weight_zero: Tensor
    scale: Tensor
    zero: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear, input_max: Tensor, grid: QuantizationGrid) -> None:
        """`input_max` is the largest absolute input () of calibration."""
        super().__init__()
        self._grid = grid
        weight = linear.weight.detach().t().contiguous()
        weight_max = weight.abs().amax(0) if grid.per_channel else weight.abs().max()
        weight_scale = _scale(weight_max, grid, weight.dtype)
        zero = torch.zeros((), dtype=grid.dtype, device=weight.device)
        self.register_buffer('weight', round_to_grid(weight.float() / weight_scale.float(), grid))
        self.register_buffer('weight_scale', weight_scale)
        self.register_buffer('weight_zero', zero.expand(weight_max.shape).clone())
        self.register_buffer('scale', _scale(input_max.to(weight.device), grid, weight.dtype))
        self.register_buffer('zero', zero)
        self.register_buffer('bias', None if linear.bias is None else linear.bias.detach())

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply the layer; a graph that is being exported gets the ONNX operators."""
        if torch.compiler.is_exporting():
            out = self._as_onnx(inputs)
        else:
            grid = self._grid
            near = round_to_grid(inputs / self.scale, grid).to(inputs.dtype) * self.scale
            out = near @ (self.weight.to(inputs.dtype) * self.weight_scale)
        return out if self.bias is None else out + self.bias

    def _as_onnx(self, inputs: Tensor) -> Tensor:
        shape, dtype = inputs.shape, inputs.dtype
        quantizer = (self.scale, self.zero)
        near = _operator('QuantizeLinear', (inputs, *quantizer), self._grid.dtype, shape)
        near = _operator('DequantizeLinear', (near, *quantizer), dtype, shape)
        parts = (self.weight, self.weight_scale, self.weight_zero)
        return near @ _operator('DequantizeLinear', parts, dtype, self.weight.shape)


def round_to_grid(values: Tensor, grid: QuantizationGrid) -> Tensor:
    """The nearest numbers of a grid, saturating at its ends."""
    kept = values.clamp(grid.low, grid.high)
    return (kept if grid.dtype.is_floating_point else kept.round()).to(grid.dtype)


def _scale(largest: Tensor, grid: QuantizationGrid, dtype: torch.dtype) -> Tensor:
    """Quantization step, at least the smallest normal number of `dtype`."""
    return (largest.float() / grid.high).clamp(min=torch.finfo(dtype).tiny).to(dtype)


def _operator(name: str, inputs: tuple[Tensor, ...], dtype: torch.dtype, shape: Any) -> Tensor:
    """One ONNX operator in a graph that is being exported."""
    axis: dict[str, Any] = {'axis': 1} if inputs[1].ndim else {}  # for one scale per channel
    return torch.onnx.ops.symbolic(name, inputs, axis, dtype=dtype, shape=shape)
