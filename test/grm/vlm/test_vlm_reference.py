"""The reference by transformers: what it generates follows its own logits, step by step."""

import numpy as np
import pytest
import torch
from _grm_reference import TransformersReference

from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint
from robo_dopamine_ros.grm.vlm.query.answer_tokens import SYMBOLS
from robo_dopamine_ros.grm.vlm.query.prompt import short_prompt
from robo_dopamine_ros.grm.vlm.query.readout import next_symbols

TASK = 'organize the table'
RNG = np.random.default_rng(7)
QUERIES = [
    [RNG.integers(0, 256, (112, 112, 3), np.uint8) for _ in range(8)] for _ in range(2)
]  # of 16 tokens each


@pytest.fixture(scope='module')
def reference(opened: PublishedCheckpoint) -> TransformersReference:
    return TransformersReference(opened, short_prompt())


def greedy(reference: TransformersReference, query: list[np.ndarray], decimals: bool) -> str:
    """Symbol by symbol, each by a full forward pass."""
    path = ''
    while options := next_symbols(path, decimals):
        logits = reference.logits(TASK, [query], path)[0, [SYMBOLS.index(o) for o in options]]
        path += options[int(logits.argmax())]
    return path


@pytest.mark.parametrize('decimals', [True, False])
def test_it_writes_what_is_most_likely_of_what_is_legal(
    reference: TransformersReference, decimals: bool
) -> None:
    written = reference.generate_constrained(TASK, QUERIES, decimals)
    assert written == [greedy(reference, query, decimals) for query in QUERIES]
    assert not any(next_symbols(path, decimals) for path in written)
    assert decimals or not any('.' in path for path in written)


def test_queries_of_a_batch_do_not_see_one_another(reference: TransformersReference) -> None:
    together = reference.logits(TASK, QUERIES, '+1')
    alone = torch.cat([reference.logits(TASK, [query], '+1') for query in QUERIES])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert (together[0] - together[1]).abs().max() > 1e-4  # and each sees its own pictures


def test_order_of_pictures_and_words_of_the_task_count(reference: TransformersReference) -> None:
    usual = reference.logits(TASK, QUERIES[:1])
    assert (reference.logits(TASK, [QUERIES[0][::-1]]) - usual).abs().max() > 1e-4
    assert (reference.logits('fold the towel', QUERIES[:1]) - usual).abs().max() > 1e-4


def test_unconstrained_generation_is_counted(
    opened: PublishedCheckpoint, reference: TransformersReference
) -> None:
    written = reference.generate_free(TASK, QUERIES[0], max_tokens=4)
    text = opened.render_chat(short_prompt().parts(TASK))
    words = len(opened.tokenizer.encode(text, add_special_tokens=False).ids)
    assert written.images == 8
    assert written.decode_steps <= 3
    assert written.tokens == words + 8 * (16 - 1) + written.decode_steps
    assert written.percent is None  # random weights write no score
    assert '<score>' not in written.text
