"""The two ONNX graphs of a GRM: inputs, outputs, and sizes of the TensorRT profiles."""

from collections.abc import Sequence
from typing import Any

import torch

from robo_dopamine_ros.grm.onnx_export import ExportGraph
from robo_dopamine_ros.grm.tensorrt.build import Profile, Sizes
from robo_dopamine_ros.grm.vlm.compiled.model_dir import SectionLengths
from robo_dopamine_ros.grm.vlm.engine import NetworkShape
from robo_dopamine_ros.grm.vlm.network.decoder import Decoder
from robo_dopamine_ros.grm.vlm.network.vision import FixedSizeVisionTower

IMAGE_BATCH = (1, 3, 8)  # minimum, typical and maximum images in a batch
QUERY_BATCH = (1, 3, 3)
EXTRA = 256  # by which a query may exceed the typical length, for a long task
TREE_ROWS = 37  # of a typical answer tree
MAX_DECODE_ROWS = 16  # in a decode step after the first pass


def cache_names(shape: NetworkShape) -> tuple[str, ...]:
    """Names of keys and values: k0, v0, k1, v1, ..."""
    return tuple(f'{kind}{layer}' for layer in range(shape.layers) for kind in 'kv')


def vision_graph(model: Any, shape: NetworkShape) -> ExportGraph:
    """Pixels (N, 3, height, width) float32 -> embeds (N, T, C)[, deepstack (D, N, T, C)]."""
    outputs = ('embeds', 'deepstack') if shape.deepstack else ('embeds',)
    return ExportGraph(
        FixedSizeVisionTower(model.model.visual, shape.height, shape.width),
        {'pixels': torch.zeros(3, 3, shape.height, shape.width)},
        outputs,
        {'pixels': {0: 'N'}},
    )


def decoder_graph(model: Any, shape: NetworkShape, answer_tokens: Sequence[int]) -> ExportGraph:
    """Graph of network/decoder.py; the new keys and values are named new_k0, new_v0, ..."""
    dtype = model.get_input_embeddings().weight.dtype
    batch, count, past = 2, 7, 5  # all different, so that the exporter merges no dimensions
    sizes = decoder_sizes(shape, batch, count, past)
    names = cache_names(shape)
    inputs = {
        name: torch.zeros(size, dtype=torch.int64 if name == 'positions' else dtype)
        for name, size in sizes.items()
    }
    batch_and_tokens = {1: 'B', 2: 'S'}
    dynamic = {
        'embeds': {0: 'B', 1: 'S'},
        'positions': batch_and_tokens,
        'mask': {0: 'B', 2: 'S', 3: 'P+S'},
        'deepstack': batch_and_tokens,
        **{name: {0: 'B', 2: 'P'} for name in names},
    }
    return ExportGraph(
        Decoder(model.model.language_model, model.lm_head, answer_tokens, shape.deepstack),
        inputs,
        ('logits', *(f'new_{name}' for name in names)),
        {name: dynamic[name] for name in inputs},
    )


def decoder_sizes(shape: NetworkShape, batch: int, count: int, past: int) -> dict[str, Sizes]:
    """Sizes of all inputs for `count` tokens of `batch` queries after `past` tokens."""
    return {
        'embeds': (batch, count, shape.hidden),
        'positions': (3, batch, count),
        'mask': (batch, 1, count, past + count),
        **({'deepstack': (shape.deepstack, batch, count, shape.hidden)} if shape.deepstack else {}),
        **{name: (batch, shape.heads_kv, past, shape.head_dim) for name in cache_names(shape)},
    }


def vision_profiles(shape: NetworkShape) -> tuple[Profile, ...]:
    """TensorRT profile of the vision tower."""
    low, typical, high = ((count, 3, shape.height, shape.width) for count in IMAGE_BATCH)
    return ({'pixels': (low, typical, high)},)


def decoder_profiles(shape: NetworkShape, lengths: SectionLengths) -> tuple[Profile, ...]:
    """TensorRT profiles of the decoder.

    One for the end of the queries with their answer trees, one for the cached prefix, one for the
    rows of a decode step.
    """
    known = lengths.prefix + lengths.before
    end = lengths.after + TREE_ROWS
    longest = max(lengths.prefix, lengths.before)
    return (
        _profile(shape, QUERY_BATCH, (1, end, end + EXTRA), (0, known, known + EXTRA)),
        _profile(
            shape,
            (1, 1, 3),
            (1, lengths.before, longest + EXTRA),
            (0, lengths.prefix, known),
        ),
        _profile(
            shape,
            QUERY_BATCH,
            (1, 1, MAX_DECODE_ROWS),
            (0, known + end, known + end + 2 * EXTRA),
        ),
    )


def _profile(shape: NetworkShape, batch: Sizes, count: Sizes, past: Sizes) -> Profile:
    ends = [decoder_sizes(shape, *one) for one in zip(batch, count, past, strict=True)]
    low, typical, high = ends
    return {name: (low[name], typical[name], high[name]) for name in low}
