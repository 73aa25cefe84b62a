"""What an episode needs: a place, a judge, a person who stands by; and a policy tried alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch

from robo_dopamine_ros.learning.agent import Agent
from robo_dopamine_ros.learning.observation import Observer
from robo_dopamine_ros.types import Episode, Outcome, Phase, Progress, Views

Glance = tuple[Views, np.ndarray]  # views, and proprioception (m,) float32


class Place(Protocol):
    """Where the task is done; its views carry rising stamps."""

    def reset(self, seed: int) -> Glance:
        """Begin an episode."""

    def act(self, action: np.ndarray) -> Glance:
        """Act for one period; actions (a,) are within -1..1."""

    @property
    def succeeded(self) -> bool:
        """The truth, for reports alone."""


class Judge(Protocol):
    """Reads progress and proposes success."""

    def follow(self, episode: Episode) -> None:
        """An episode began or ended."""

    def look(self, views: Views) -> Progress:
        """Judge one set of views."""


class Person(Protocol):
    """Stands by."""

    def begin(self, rollout: int) -> None:
        """A rollout begins; they are counted from 0."""

    def wish(self) -> np.ndarray | None:
        """The action (a,) of the next step, None while the policy is left alone."""


@dataclass(frozen=True)
class Told:
    """What happened in one episode."""

    number: int
    steps: int
    success: bool  # the truth when it ended
    proposed: bool  # the judge proposed success, which ended it
    helped: int  # steps that the person drove


def evaluate(
    place: Place,
    judge: Judge,
    observer: Observer,
    agent: Agent,
    seeds: Sequence[int],
    explore: bool,
    horizon: int,
) -> Iterator[Told]:
    """Let the policy act alone on fresh episodes; nothing is kept or learned."""
    generator = torch.Generator().manual_seed(seeds[0] if seeds else 0)
    for number, seed in enumerate(seeds):
        views, state = place.reset(seed)
        episode = Episode(f'evaluation/{number}', phase=Phase.RUNNING, stamp=views.stamp)
        judge.follow(episode)
        reading, steps = judge.look(views), 0
        while steps < horizon and not reading.success_candidate:
            frame = observer.frame(views, state)
            views, state = place.act(agent.act(frame.observation, explore, generator).action)
            reading, steps = judge.look(views), steps + 1
        judge.follow(replace(episode, phase=Phase.ENDED, outcome=Outcome.TIME_LIMIT))
        yield Told(number, steps, place.succeeded, reading.success_candidate, 0)
