"""One-shot adaptation (Sec 3.2 of the paper): one demonstration in, a model folder out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from robo_dopamine_ros.reward.compact.card import read_card
from robo_dopamine_ros.reward.compact.dataset import decode
from robo_dopamine_ros.reward.compact.model import Card
from robo_dopamine_ros.reward.compact.network import Network
from robo_dopamine_ros.reward.compact.pictures import worst_grain
from robo_dopamine_ros.reward.compact.selfcheck import SelfCheck, hold_back, self_check, without
from robo_dopamine_ros.reward.compact.settings import Settings
from robo_dopamine_ros.reward.compact.shape import Shape
from robo_dopamine_ros.reward.compact.training import train
from robo_dopamine_ros.reward.compact.weights import read_network, save
from robo_dopamine_ros.reward.goal import goal_of
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report, silent
from robo_dopamine_ros.types import VIEWS, Recording, Views

GRAIN_ROOM = 4.0  # a live picture may be noisier than the demonstration by this factor


def adapt(
    recordings: Sequence[Recording],
    folder: Path,
    settings: Settings,
    seed: int = 0,
    base: Path | None = None,
    views: Sequence[str] | None = None,
    shape: Shape | None = None,
    report: Report = silent,
) -> SelfCheck:
    """Train on recordings of one task and write a model folder.

    Without a base the network starts from scratch, in the given or the usual shape. The last
    recording of the finished task gives the goal pictures. Raises ValueError for a recording that
    cannot teach, ModelError for a base that does not fit.
    """
    if not recordings:
        raise ValueError('no recordings to learn from; give at least one demonstration')
    named = tuple(views or [v for v in VIEWS if v in recordings[0].views] or recordings[0].views)
    report(0.0, 'reading')
    torch.manual_seed(seed)
    network = start(base, named, shape or Shape(views=len(named)))
    demonstrations = [decode(recording, named) for recording in recordings]
    held = [hold_back(demonstration) for demonstration in demonstrations]
    shown = [without(d, h) for d, h in zip(demonstrations, held, strict=True)]

    def tell(share: float, terms: dict[str, float]) -> None:
        report(0.97 * share, f'loss {sum(terms.values()):.2f}')

    network = train(network, shown, settings, seed, tell)
    report(0.97, 'checking')
    check = self_check(network, demonstrations[0], held[0])
    finished = [r for r, d in zip(recordings, demonstrations, strict=True) if d.complete]
    goal, noise = final_views((finished or list(recordings))[-1])
    card = Card(
        name=folder.name,
        views=named,
        instruction=recordings[0].instruction,
        shape=network.shape,
        most_grain=max(Card.most_grain, GRAIN_ROOM * noise),
    )
    notes = {
        'demonstrations': [recording.name for recording in recordings],
        'base': base.name if base else None,
        'seed': seed,
        'settings': dataclasses.asdict(settings),
        'self_check': dataclasses.asdict(check),
    }
    save(folder, network, card, goal, notes)
    report(1.0, 'done')
    return check


def start(base: Path | None, views: tuple[str, ...], shape: Shape) -> Network:
    """A fresh network, or that of a base which must see the same views."""
    if base is None:
        return Network(shape)
    card = read_card(base)
    if card.views != views:
        raise ModelError(f'base {base} sees {list(card.views)}, the demonstration {list(views)}')
    return read_network(base, card.shape)


def final_views(recording: Recording) -> tuple[Views, float]:
    """The finished task at the camera's own size, and the most pixel noise on the way there."""
    goal = goal_of(recording)
    seen = recording.play(stride=max(1, recording.length // 8))
    return goal, max(worst_grain(views.images, recording.views) for views in seen)
