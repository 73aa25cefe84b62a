"""Validation of a GRM on hops held back from the training."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from robo_dopamine_ros.grm.vlm.finetune.collate import TrainingExample, collate, run_language_model
from robo_dopamine_ros.grm.vlm.finetune.lora import mean_loss
from robo_dopamine_ros.grm.vlm.finetune.sampler import answer_text
from robo_dopamine_ros.grm.vlm.finetune.vision_cache import TrainingVisionCache

TrieNode = dict[int, Any]  # token -> next node; after the last token LEAF -> hop
LEAF = -1
TENTHS_PER_SIDE = 1000  # tenths of a percent from 0 to 100


@dataclass(frozen=True)
class HopValidation:
    """Metrics of hops held back."""

    hops: int
    loss: float  # mean cross-entropy of the tokens of the correct answers
    mae: float  # of the hop [percentage points]
    sign: float  # share of nonzero hops with the correct sign

    def __str__(self) -> str:
        """One line for the terminal."""
        return f'hop error {self.mae:.1f} points, direction {self.sign:.0%} right'


def answer_trie(tokenizer: Tokenizer) -> TrieNode:
    """All valid answers, with one decimal or none, as a trie of tokens."""
    root: TrieNode = {}
    for tenths in range(-TENTHS_PER_SIDE, TENTHS_PER_SIDE + 1):
        exact = answer_text(tenths / TENTHS_PER_SIDE)
        texts = [exact, exact.replace('.0%', '%')] if tenths % 10 == 0 else [exact]
        for text in texts:
            node = root
            for token in tokenizer.encode(text, add_special_tokens=False).ids:
                node = node.setdefault(token, {})
            node[LEAF] = tenths / TENTHS_PER_SIDE
    return root


@torch.no_grad()
def validate(
    model: Any,
    cache: TrainingVisionCache,
    examples: Sequence[TrainingExample],
    trie: TrieNode,
    micro_batch: int,
) -> HopValidation:
    """Compare the predicted hops of a model with their labels, in micro-batches."""
    ordered = sorted(examples, key=_length)
    hops: list[float] = []
    for _, same_length in groupby(ordered, _length):
        group = list(same_length)
        for start in range(0, len(group), micro_batch):
            hops += predict_hops(model, cache, group[start : start + micro_batch], trie)
    predicted, labels = np.array(hops), np.array([example.label for example in ordered])
    nonzero = labels != 0.0
    same_sign = (np.sign(predicted) == np.sign(labels))[nonzero]
    return HopValidation(
        hops=len(ordered),
        loss=mean_loss(model, cache, ordered, micro_batch),
        mae=float(100 * np.abs(predicted - labels).mean()),
        sign=float(same_sign.mean()) if nonzero.any() else 1.0,
    )


def predict_hops(
    model: Any, cache: TrainingVisionCache, examples: Sequence[TrainingExample], trie: TrieNode
) -> list[float]:
    """Hops in -1..1 by greedy decoding constrained to the answers of the trie.

    The prompts must be of equal length.
    """
    bare = [example._replace(answer_ids=example.answer_ids[:1]) for example in examples]
    batch = collate(model, cache, bare)
    nodes, position = [trie] * len(examples), batch.positions.amax((0, 2))
    out = run_language_model(model, batch, use_cache=True)
    while True:
        logits = model.lm_head(out.last_hidden_state[:, -1])
        chosen = [_choose(node, row) for node, row in zip(nodes, logits, strict=True)]
        nodes = [node.get(token, node) for node, token in zip(nodes, chosen, strict=True)]
        if all(LEAF in node for node in nodes):
            return [float(node[LEAF]) for node in nodes]
        position = position + 1
        tokens = torch.tensor(chosen, device=batch.embeds.device)[:, None]
        out = model.model.language_model(
            inputs_embeds=model.get_input_embeddings()(tokens),
            position_ids=position[None, :, None].expand(3, -1, 1),
            past_key_values=out.past_key_values,
            use_cache=True,
        )


def _choose(node: TrieNode, logits: torch.Tensor) -> int:
    """The likeliest token that the trie allows; any token after a complete answer."""
    allowed = [token for token in node if token != LEAF] or [0]
    return allowed[int(logits[torch.tensor(allowed, device=logits.device)].argmax())]


def _length(example: TrainingExample) -> int:
    return len(example.prompt.ids)
