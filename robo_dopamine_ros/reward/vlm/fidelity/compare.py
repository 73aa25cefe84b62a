"""Asks two models the same: random pairs of looks, then every episode from its start to its end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.reward.grm import GRM
from robo_dopamine_ros.reward.telling import Report, silent
from robo_dopamine_ros.reward.vlm.fidelity.figures import (
    Answer,
    EpisodeFigures,
    HopFigures,
    Nodes,
    episode_figures,
    hop_figures,
)
from robo_dopamine_ros.reward.vlm.fidelity.looks import EACH, LOOKS, Episode, ask, draw, look_at
from robo_dopamine_ros.reward.vlm.fidelity.onebyone import OneByOne
from robo_dopamine_ros.reward.vlm.fidelity.verdict import Fidelity, Gates
from robo_dopamine_ros.reward.vlm.memory import ROWS
from robo_dopamine_ros.reward.vlm.model import VlmGRM
from robo_dopamine_ros.reward.vlm.query.reading import expect, legal
from robo_dopamine_ros.reward.vlm.query.tree import BASE, Tree
from robo_dopamine_ros.reward.vlm.query.words import SYMBOLS
from robo_dopamine_ros.types import Hops, Recording, Views

NOISY = 4  # every so many pairs the reference is asked again, for its own noise
PLAYING = 0.3  # of the work, if nobody knows better
Pair = tuple[Views, Views]
NONE = Answer(math.nan)


@dataclass(frozen=True)
class Plan:
    """How much is asked."""

    questions: int = 2000  # at least these, over all episodes
    looks: int = LOOKS  # of an episode that is played
    noise: bool = True  # whether the reference is held against itself, one query at a time
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (('questions', 1), ('looks', 2)):
            if not getattr(self, name) >= least:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be {least} or more')


class Heard:
    """Answers of two models to the same questions, by query."""

    def __init__(self) -> None:
        self._told: dict[str, list[tuple[Answer, Answer]]] = {row: [] for row in ROWS}

    def add(self, candidate: dict[str, list[Answer]], reference: dict[str, list[Answer]]) -> None:
        """Take in what both said of one pair of looks."""
        for row, both in self._told.items():
            both += zip(candidate[row], reference[row], strict=True)

    def figures(self, *rows: str) -> HopFigures:
        """Those of these queries together."""
        both = [pair for row in rows for pair in self._told[row]]
        return hop_figures([found for found, _ in both], [wanted for _, wanted in both])


def compare(
    candidate: GRM,
    reference: GRM,
    recordings: Sequence[Recording],
    plan: Plan,
    gates: Gates,
    report: Report = silent,
) -> Fidelity:
    """Ask both, and hold what the one says against what the other says."""
    if not recordings:
        raise ValueError('no recordings; fidelity needs one or more')
    rng = np.random.default_rng(plan.seed)
    alone = reference.through(OneByOne) if plan.noise and isinstance(reference, VlmGRM) else None
    count = -(-plan.questions // (EACH * len(recordings)))  # pairs of looks in each episode
    heard, noise, played = Heard(), Heard(), list[EpisodeFigures]()
    for number, recording in enumerate(recordings):
        done, name = number / len(recordings), recording.name
        episode = look_at(recording, plan.looks)
        for index, pair in enumerate(draw(episode, count, rng)):
            report(done + (1 - PLAYING) * index / count / len(recordings), name)
            wanted = answers(reference, episode, pair)
            heard.add(answers(candidate, episode, pair), wanted)
            if alone is not None and index % NOISY == 0:
                noise.add(answers(alone, episode, pair), wanted)
        report(done + (1 - PLAYING) / len(recordings), name)
        stamps = [views.stamp for views in episode.views]
        both = (play(candidate, episode), play(reference, episode))
        played.append(episode_figures(name, *both, stamps))
    report(1.0, 'compared')
    return Fidelity(
        candidate=candidate.name,
        reference=reference.name,
        gates=gates,
        hops=heard.figures(*ROWS),
        perspectives={row: heard.figures(row) for row in reversed(ROWS)},
        episodes=tuple(played),
        noise=None if alone is None else noise.figures(*ROWS),
    )


def play(model: GRM, episode: Episode) -> list[Hops]:
    """What a model says of an episode from its start to its end."""
    model.begin(episode.context)
    return [model.step(views) for views in episode.views]


def answers(model: GRM, episode: Episode, pair: Pair) -> dict[str, list[Answer]]:
    """What a model says of a pair of looks, by query; the first has nothing before it."""
    first, second = (_answers(model, hops) for hops in ask(model, episode, pair))
    looks = {'incremental': (second,)}
    return {row: [one.get(row, NONE) for one in looks.get(row, (first, second))] for row in ROWS}


def _answers(model: GRM, hops: Hops) -> dict[str, Answer]:
    """What a model answered last; any but a vision-language model tells no chances."""
    if not isinstance(model, VlmGRM):
        told = {row: getattr(hops, row) for row in ROWS}
        read = {row: hop for row, hop in told.items() if hops.valid and hop is not None}
        return {row: Answer(100 * hop) for row, hop in read.items()}
    found = {}
    for row, reading in model.answers.items():
        tree, logits = model.heard[row]
        mean = expect(tree, logits).percent
        found[row] = Answer(reading.percent, mean, chances(tree, logits))
    return found


def chances(tree: Tree, logits: Tensor) -> Nodes:
    """What may follow each path that every tree has, and how likely; nothing if not finite."""
    if not bool(torch.isfinite(logits).all()):
        return {}
    found, table = {}, logits.double().cpu()
    for path in ('', *BASE):
        options = legal(path, decimals=True)
        columns = [SYMBOLS.index(option) for option in options]
        shares = torch.softmax(table[tree.row(path), columns], 0).tolist()
        found[path] = dict(zip(options, shares, strict=True))
    return found
