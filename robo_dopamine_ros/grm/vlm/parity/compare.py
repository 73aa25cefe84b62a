"""Asks two models the same questions: about random pairs of views, then about whole episodes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.grm.protocol import GRM, ProgressCallback, ignore_progress
from robo_dopamine_ros.grm.vlm.engine import KeyValues, TokenChunk, VisionFeatures, VlmEngine
from robo_dopamine_ros.grm.vlm.kv_cache import PERSPECTIVES
from robo_dopamine_ros.grm.vlm.model import VlmGRM
from robo_dopamine_ros.grm.vlm.parity import samples
from robo_dopamine_ros.grm.vlm.parity.report import (
    AnswerRecord,
    HopParity,
    ParityReport,
    ParityTolerances,
    hop_parity,
)
from robo_dopamine_ros.grm.vlm.query.readout import decode_expectation, node_probabilities
from robo_dopamine_ros.types import Hops, Recording, Views, require_at_least

NOISE_EVERY = 4  # the unbatched reference answers one of so many pairs
EPISODE_SHARE = 0.3  # of the progress bar, for the whole episodes
ViewsPair = tuple[Views, Views]
NO_ANSWER = AnswerRecord(math.nan)
# name, hops of candidate and reference, stamps [ns] -> EpisodeParity (reward/episode_parity.py)
EpisodeComparison = Callable[[str, Sequence[Hops], Sequence[Hops], Sequence[int]], Any]


@dataclass(frozen=True)
class ParityPlan:
    """How many questions are asked."""

    questions: int = 2000  # at least, over all episodes
    frames: int = samples.MAX_FRAMES  # of an episode
    noise: bool = True  # whether to compare the reference with itself, one query at a time
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(1, self, 'questions')
        require_at_least(2, self, 'frames')


class PairedAnswers:
    """Answers of two models to the same questions, by perspective."""

    def __init__(self) -> None:
        self._pairs: dict[str, list[tuple[AnswerRecord, AnswerRecord]]] = {
            perspective: [] for perspective in PERSPECTIVES
        }

    def add(
        self, candidate: dict[str, list[AnswerRecord]], reference: dict[str, list[AnswerRecord]]
    ) -> None:
        """Add the answers of both models about one pair of views."""
        for perspective, pairs in self._pairs.items():
            pairs += zip(candidate[perspective], reference[perspective], strict=True)

    def metrics(self, *perspectives: str) -> HopParity:
        """Metrics over all answers of these perspectives."""
        pairs = [pair for perspective in perspectives for pair in self._pairs[perspective]]
        return hop_parity([first for first, _ in pairs], [second for _, second in pairs])


def compare(
    candidate: GRM,
    reference: GRM,
    recordings: Sequence[Recording],
    plan: ParityPlan,
    tolerances: ParityTolerances,
    compare_episode: EpisodeComparison,
    report: ProgressCallback = ignore_progress,
) -> ParityReport:
    """Compare the answers of two models; `compare_episode` judges the hops of whole episodes."""
    if not recordings:
        raise ValueError('no recordings; compare needs one or more')
    rng = np.random.default_rng(plan.seed)
    unbatched: VlmGRM | None = None
    if plan.noise and isinstance(reference, VlmGRM):
        unbatched = reference.with_engine(UnbatchedEngine)
    count = -(
        -plan.questions // (samples.QUESTIONS_PER_PAIR * len(recordings))
    )  # pairs of each episode
    answers, noise, episodes = PairedAnswers(), PairedAnswers(), list[Any]()
    for number, recording in enumerate(recordings):
        done, name = number / len(recordings), recording.name
        episode = samples.sample_episode(recording, plan.frames)
        for index, pair in enumerate(samples.draw_pairs(episode, count, rng)):
            report(done + (1 - EPISODE_SHARE) * index / count / len(recordings), name)
            expected = pair_answers(reference, episode, pair)
            answers.add(pair_answers(candidate, episode, pair), expected)
            if unbatched is not None and index % NOISE_EVERY == 0:
                noise.add(pair_answers(unbatched, episode, pair), expected)
        report(done + (1 - EPISODE_SHARE) / len(recordings), name)
        stamps = [views.stamp for views in episode.views]
        both = (run_episode(candidate, episode), run_episode(reference, episode))
        episodes.append(compare_episode(name, *both, stamps))
    report(1.0, 'compared')
    return ParityReport(
        candidate=candidate.name,
        reference=reference.name,
        tolerances=tolerances,
        hops=answers.metrics(*PERSPECTIVES),
        perspectives={name: answers.metrics(name) for name in reversed(PERSPECTIVES)},
        episodes=tuple(episodes),
        noise=None if unbatched is None else noise.metrics(*PERSPECTIVES),
    )


def run_episode(model: GRM, episode: samples.SampledEpisode) -> list[Hops]:
    """Hops of a model over a whole episode."""
    model.reset(episode.context)
    return [model.step(views) for views in episode.views]


def pair_answers(
    model: GRM, episode: samples.SampledEpisode, pair: ViewsPair
) -> dict[str, list[AnswerRecord]]:
    """Answers about both views of a pair by perspective; the first have no incremental one."""
    first, second = (_answers(model, hops) for hops in samples.query_pair(model, episode, pair))
    steps = {'incremental': (second,)}
    return {
        name: [step.get(name, NO_ANSWER) for step in steps.get(name, (first, second))]
        for name in PERSPECTIVES
    }


def _answers(model: GRM, hops: Hops) -> dict[str, AnswerRecord]:
    """Answers of the last step; only a vision-language model has probabilities."""
    if not isinstance(model, VlmGRM):
        values = {name: getattr(hops, name) for name in PERSPECTIVES}
        known = {name: hop for name, hop in values.items() if hops.valid and hop is not None}
        return {name: AnswerRecord(100 * hop) for name, hop in known.items()}
    records = {}
    for name, answer in model.answers.items():
        tree, logits = model.answer_logits[name]
        mean = decode_expectation(tree, logits).percent
        finite = bool(torch.isfinite(logits).all())
        nodes = node_probabilities(tree, logits) if finite else {}
        records[name] = AnswerRecord(answer.percent, mean, nodes)
    return records


class UnbatchedEngine:
    """A `VlmEngine` that splits batches: its answers differ by the noise of the engine itself."""

    def __init__(self, engine: VlmEngine) -> None:
        self.shape, self.answer_tokens = engine.shape, engine.answer_tokens
        self.device, self.dtype = engine.device, engine.dtype
        self._engine = engine

    def embed(self, ids: Tensor) -> Tensor:
        """See `VlmEngine.embed`."""
        return self._engine.embed(ids)

    def encode_images(self, pixels: Tensor) -> VisionFeatures:
        """See `VlmEngine.encode_images`."""
        features = [self._engine.encode_images(image) for image in pixels.split(1)]
        deepstack = [one.deepstack for one in features if one.deepstack is not None]
        embeds = torch.cat([one.embeds for one in features])
        return VisionFeatures(embeds, torch.cat(deepstack, 1) if deepstack else None)

    def decode(self, chunk: TokenChunk, past: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        """See `VlmEngine.decode`."""
        logits, added = [], []
        for row in range(len(chunk.embeds)):
            one = slice(row, row + 1)
            features = None if chunk.deepstack is None else chunk.deepstack[:, one]
            part = TokenChunk(chunk.embeds[one], chunk.positions[:, one], chunk.mask[one], features)
            before = None if past is None else tuple(each[one] for each in past)
            scores, new = self._engine.decode(part, before)
            logits.append(scores)
            added.append(new)
        return torch.cat(logits), tuple(torch.cat(each) for each in zip(*added, strict=True))
