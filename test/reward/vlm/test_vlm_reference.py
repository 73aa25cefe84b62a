"""The slow way of asking: what it writes is what its own logits say, step by step."""

import numpy as np
import pytest
import torch

from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint
from robo_dopamine_ros.reward.vlm.query.prompt import practice_prompt
from robo_dopamine_ros.reward.vlm.query.reading import legal
from robo_dopamine_ros.reward.vlm.query.words import SYMBOLS
from robo_dopamine_ros.reward.vlm.reference import Reference

TASK = 'organize the table'
RNG = np.random.default_rng(7)
QUERIES = [
    [RNG.integers(0, 256, (112, 112, 3), np.uint8) for _ in range(8)] for _ in range(2)
]  # of 16 tokens each


@pytest.fixture(scope='module')
def reference(opened: Checkpoint) -> Reference:
    return Reference(opened, practice_prompt())


def greedy(reference: Reference, query: list[np.ndarray], decimals: bool) -> str:
    """Symbol by symbol, each by a full forward pass."""
    path = ''
    while options := legal(path, decimals):
        logits = reference.logits(TASK, [query], path)[0, [SYMBOLS.index(o) for o in options]]
        path += options[int(logits.argmax())]
    return path


@pytest.mark.parametrize('decimals', [True, False])
def test_it_writes_what_is_most_likely_of_what_is_legal(
    reference: Reference, decimals: bool
) -> None:
    written = reference.constrained(TASK, QUERIES, decimals)
    assert written == [greedy(reference, query, decimals) for query in QUERIES]
    assert not any(legal(path, decimals) for path in written)
    assert decimals or not any('.' in path for path in written)


def test_queries_of_a_batch_do_not_see_one_another(reference: Reference) -> None:
    together = reference.logits(TASK, QUERIES, '+1')
    alone = torch.cat([reference.logits(TASK, [query], '+1') for query in QUERIES])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert (together[0] - together[1]).abs().max() > 1e-4  # and each sees its own pictures


def test_order_of_pictures_and_words_of_the_task_count(reference: Reference) -> None:
    usual = reference.logits(TASK, QUERIES[:1])
    assert (reference.logits(TASK, [QUERIES[0][::-1]]) - usual).abs().max() > 1e-4
    assert (reference.logits('fold the towel', QUERIES[:1]) - usual).abs().max() > 1e-4


def test_the_authors_way_is_counted(opened: Checkpoint, reference: Reference) -> None:
    written = reference.free(TASK, QUERIES[0], longest=4)
    text = opened.chat(practice_prompt().parts(TASK))
    words = len(opened.tokenizer.encode(text, add_special_tokens=False).ids)
    assert written.pictures == 8
    assert written.steps <= 3
    assert written.tokens == words + 8 * (16 - 1) + written.steps
    assert written.percent is None  # random weights write no score
    assert '<score>' not in written.text
