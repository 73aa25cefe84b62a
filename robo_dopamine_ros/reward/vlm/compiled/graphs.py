"""The two graphs of a GRM: what goes in and out of them, and in which sizes."""

from collections.abc import Sequence
from typing import Any

import torch

from robo_dopamine_ros.reward.graphs import Graph
from robo_dopamine_ros.reward.tensorrt.build import Profile, Sizes
from robo_dopamine_ros.reward.vlm.compiled.folder import Lengths
from robo_dopamine_ros.reward.vlm.engine import Shape
from robo_dopamine_ros.reward.vlm.network.decoder import Decoder
from robo_dopamine_ros.reward.vlm.network.vision import VisionFixedGrid

PICTURES = (1, 3, 8)  # least, usual and most pictures at once
QUERIES = (1, 3, 3)
MORE = 256  # tokens that a query may be longer than usual, for a task of many words
ANSWER = 37  # rows of a usual answer tree
SINGLE = 16  # rows that are decoded one by one or nearly so


def cache_names(shape: Shape) -> tuple[str, ...]:
    """Of keys and values: k0, v0, k1, v1, ..."""
    return tuple(f'{kind}{layer}' for layer in range(shape.layers) for kind in 'kv')


def vision_graph(model: Any, shape: Shape) -> Graph:
    """Pixels (N, 3, height, width) float32 -> embeds (N, T, C)[, deepstack (D, N, T, C)]."""
    outputs = ('embeds', 'deepstack') if shape.deepstack else ('embeds',)
    return Graph(
        VisionFixedGrid(model.model.visual, shape.height, shape.width),
        {'pixels': torch.zeros(3, 3, shape.height, shape.width)},
        outputs,
        {'pixels': {0: 'N'}},
    )


def decoder_graph(model: Any, shape: Shape, answer_tokens: Sequence[int]) -> Graph:
    """As network/decoder.py says; new keys and values are called new_k0, new_v0, ..."""
    dtype = model.get_input_embeddings().weight.dtype
    batch, count, past = 2, 7, 5  # all different, so that the exporter does not take one for two
    sizes = decoder_sizes(shape, batch, count, past)
    names = cache_names(shape)
    inputs = {
        name: torch.zeros(size, dtype=torch.int64 if name == 'positions' else dtype)
        for name, size in sizes.items()
    }
    rows = {1: 'B', 2: 'S'}
    free = {
        'embeds': {0: 'B', 1: 'S'},
        'positions': rows,
        'mask': {0: 'B', 2: 'S', 3: 'P+S'},
        'deepstack': rows,
        **{name: {0: 'B', 2: 'P'} for name in names},
    }
    return Graph(
        Decoder(model.model.language_model, model.lm_head, answer_tokens, shape.deepstack),
        inputs,
        ('logits', *(f'new_{name}' for name in names)),
        {name: free[name] for name in inputs},
    )


def decoder_sizes(shape: Shape, batch: int, count: int, past: int) -> dict[str, Sizes]:
    """Of all inputs, for `count` tokens of `batch` queries after `past` tokens."""
    return {
        'embeds': (batch, count, shape.hidden),
        'positions': (3, batch, count),
        'mask': (batch, 1, count, past + count),
        **({'deepstack': (shape.deepstack, batch, count, shape.hidden)} if shape.deepstack else {}),
        **{name: (batch, shape.heads_kv, past, shape.head_dim) for name in cache_names(shape)},
    }


def vision_profiles(shape: Shape) -> tuple[Profile, ...]:
    """The sizes to build the vision tower for."""
    least, usual, most = ((count, 3, shape.height, shape.width) for count in PICTURES)
    return ({'pixels': (least, usual, most)},)


def decoder_profiles(shape: Shape, lengths: Lengths) -> tuple[Profile, ...]:
    """The sizes to build the decoder for.

    One for the end of the queries and their answer tree, one for what comes before, one for single
    rows of an answer.
    """
    known = lengths.prefix + lengths.before
    end = lengths.after + ANSWER
    begun = max(lengths.prefix, lengths.before)
    return (
        _profile(shape, QUERIES, (1, end, end + MORE), (0, known, known + MORE)),
        _profile(shape, (1, 1, 3), (1, lengths.before, begun + MORE), (0, lengths.prefix, known)),
        _profile(shape, QUERIES, (1, 1, SINGLE), (0, known + end, known + end + 2 * MORE)),
    )


def _profile(shape: Shape, batch: Sizes, count: Sizes, past: Sizes) -> Profile:
    ends = [decoder_sizes(shape, *one) for one in zip(batch, count, past, strict=True)]
    least, usual, most = ends
    return {name: (least[name], usual[name], most[name]) for name in least}
