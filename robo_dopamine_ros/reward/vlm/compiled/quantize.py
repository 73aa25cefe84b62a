"""Eight-bit precision of the language model: fp8, and int8 for GPUs that have no fp8.

The linear layers of the decoder get 8-bit weights and round their inputs to 8 bits; all else keeps
its type. In a graph that is explicit QuantizeLinear and DequantizeLinear, which TensorRT turns into
8-bit arithmetic; in torch the same rounding is done in the open, so that fidelity can be measured
on any machine.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robo_dopamine_ros.reward.vlm.compiled.ranges import Ranges, linears
from robo_dopamine_ros.reward.vlm.compiled.smoothing import smoothed

OPSET = 19  # the first whose rounding takes 16-bit numbers and gives fp8; TensorRT 10.3 knows it


@dataclass(frozen=True)
class Grid:
    """The numbers of a precision."""

    dtype: torch.dtype
    least: float
    largest: float
    by_column: bool  # weights have a scale for each output, not one for all
    smooth: float | None  # how far outliers of inputs move into weights, 0..1 (smoothing.py)


GRIDS = {
    'fp8': Grid(torch.float8_e4m3fn, -448.0, 448.0, by_column=False, smooth=None),
    'int8': Grid(torch.int8, -128.0, 127.0, by_column=True, smooth=0.5),
}


def quantize(language_model: nn.Module, ranges: Ranges, precision: str) -> None:
    """Make the linear layers of a decoder 8-bit, in place, by the inputs seen in calibration."""
    if precision not in GRIDS:
        raise ValueError(f'precision {precision!r}; of 8 bits there are {", ".join(GRIDS)}')
    grid = GRIDS[precision]
    layers: Any = language_model.layers
    unseen = [name for name in linears(layers) if name not in ranges.inputs]
    if unseen:
        raise ValueError(f'calibration never reached {unseen[0]}, one of {len(unseen)} layers')
    inputs = ranges.inputs
    if grid.smooth is not None:
        inputs = smoothed(layers, inputs, grid.smooth)
    for name, linear in linears(layers).items():
        layers.set_submodule(name, EightBit(linear, inputs[name].max(), grid))


class EightBit(nn.Module):
    """A linear layer with 8-bit weights (in, out), which rounds its inputs to 8 bits."""

    weight: Tensor
    weight_scale: Tensor
    weight_zero: Tensor
    scale: Tensor
    zero: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear, reach: Tensor, grid: Grid) -> None:
        """`reach` is the largest input seen, without its sign."""
        super().__init__()
        self._grid = grid
        weight = linear.weight.detach().t().contiguous()
        each = weight.abs().amax(0) if grid.by_column else weight.abs().max()
        weight_scale = _scale(each, grid, weight.dtype)
        zero = torch.zeros((), dtype=grid.dtype, device=weight.device)
        self.register_buffer('weight', rounded(weight.float() / weight_scale.float(), grid))
        self.register_buffer('weight_scale', weight_scale)
        self.register_buffer('weight_zero', zero.expand(each.shape).clone())
        self.register_buffer('scale', _scale(reach.to(weight.device), grid, weight.dtype))
        self.register_buffer('zero', zero)
        self.register_buffer('bias', None if linear.bias is None else linear.bias.detach())

    def forward(self, given: Tensor) -> Tensor:
        """As a linear layer."""
        if torch.compiler.is_exporting():
            out = self._told(given)
        else:
            near = rounded(given / self.scale, self._grid).to(given.dtype) * self.scale
            out = near @ (self.weight.to(given.dtype) * self.weight_scale)
        return out if self.bias is None else out + self.bias

    def _told(self, given: Tensor) -> Tensor:
        """The product in the words of ONNX."""
        whole, kind = given.shape, given.dtype
        near = _operator('QuantizeLinear', (given, self.scale, self.zero), self._grid.dtype, whole)
        near = _operator('DequantizeLinear', (near, self.scale, self.zero), kind, whole)
        parts = (self.weight, self.weight_scale, self.weight_zero)
        return near @ _operator('DequantizeLinear', parts, kind, self.weight.shape)


def rounded(values: Tensor, grid: Grid) -> Tensor:
    """The nearest numbers of a grid; what is beyond it becomes its last."""
    kept = values.clamp(grid.least, grid.largest)
    return (kept if grid.dtype.is_floating_point else kept.round()).to(grid.dtype)


def _scale(largest: Tensor, grid: Grid, dtype: torch.dtype) -> Tensor:
    """What one step of the grid stands for, never so small that its type cannot tell it from 0."""
    return (largest.float() / grid.largest).clamp(min=torch.finfo(dtype).tiny).to(dtype)


def _operator(name: str, inputs: tuple[Tensor, ...], dtype: torch.dtype, shape: Any) -> Tensor:
    """One ONNX operator in a graph that is being exported."""
    axis: dict[str, Any] = {'axis': 1} if inputs[1].ndim else {}  # of a scale for each column
    return torch.onnx.ops.symbolic(name, inputs, axis, dtype=dtype, shape=shape)
