"""How well a GRM answers hops that it was not taught."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from robo_dopamine_ros.reward.vlm.adapting.album import Album
from robo_dopamine_ros.reward.vlm.adapting.hopdata import answer
from robo_dopamine_ros.reward.vlm.adapting.lessons import Lesson, compose, read
from robo_dopamine_ros.reward.vlm.adapting.lora import mean_loss

Node = dict[int, Any]  # token -> what may follow; after the last token the hop under DONE
DONE = -1
TENTHS = 1000  # of a percent, to either side of 0


@dataclass(frozen=True)
class Check:
    """Figures on hops held back."""

    hops: int
    loss: float  # mean cross-entropy of the tokens of right answers
    mae: float  # of the hop [percentage points]
    sign: float  # share of hops told in the right direction, of those that have one

    def __str__(self) -> str:
        """One line for people."""
        return f'hop error {self.mae:.1f} points, direction {self.sign:.0%} right'


def answers(tokenizer: Tokenizer) -> Node:
    """Every answer there is, with one decimal or none, as a tree of tokens."""
    root: Node = {}
    for tenths in range(-TENTHS, TENTHS + 1):
        exact = answer(tenths / TENTHS)
        texts = [exact, exact.replace('.0%', '%')] if tenths % 10 == 0 else [exact]
        for text in texts:
            node = root
            for token in tokenizer.encode(text, add_special_tokens=False).ids:
                node = node.setdefault(token, {})
            node[DONE] = tenths / TENTHS
    return root


@torch.no_grad()
def check(model: Any, album: Album, lessons: Sequence[Lesson], tree: Node, micro: int) -> Check:
    """Ask a model what it was not taught, a few questions at a time."""
    ordered = sorted(lessons, key=_length)
    said: list[float] = []
    for _, alike in groupby(ordered, _length):
        group = list(alike)
        for start in range(0, len(group), micro):
            said += respond(model, album, group[start : start + micro], tree)
    told, true = np.array(said), np.array([lesson.label for lesson in ordered])
    moved = true != 0.0
    return Check(
        hops=len(ordered),
        loss=mean_loss(model, album, ordered, micro),
        mae=float(100 * np.abs(told - true).mean()),
        sign=float((np.sign(told) == np.sign(true))[moved].mean()) if moved.any() else 1.0,
    )


def respond(model: Any, album: Album, lessons: Sequence[Lesson], tree: Node) -> list[float]:
    """Hops -1..1 that a model answers greedily, among the answers there are.

    The questions must be of one length.
    """
    bare = [lesson._replace(answer=lesson.answer[:1]) for lesson in lessons]
    batch = compose(model, album, bare)
    nodes, place = [tree] * len(lessons), batch.positions.amax((0, 2))
    out = read(model, batch, keep=True)
    while True:
        logits = model.lm_head(out.last_hidden_state[:, -1])
        chosen = [_choose(node, row) for node, row in zip(nodes, logits, strict=True)]
        nodes = [node.get(token, node) for node, token in zip(nodes, chosen, strict=True)]
        if all(DONE in node for node in nodes):
            return [float(node[DONE]) for node in nodes]
        place = place + 1
        tokens = torch.tensor(chosen, device=batch.embeds.device)[:, None]
        out = model.model.language_model(
            inputs_embeds=model.get_input_embeddings()(tokens),
            position_ids=place[None, :, None].expand(3, -1, 1),
            past_key_values=out.past_key_values,
            use_cache=True,
        )


def _choose(node: Node, logits: torch.Tensor) -> int:
    """The likeliest token that may follow; any where the answer is complete."""
    legal = [token for token in node if token != DONE] or [0]
    return legal[int(logits[torch.tensor(legal, device=logits.device)].argmax())]


def _length(lesson: Lesson) -> int:
    return len(lesson.question.ids)
