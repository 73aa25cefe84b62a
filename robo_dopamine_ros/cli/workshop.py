"""One run of `train` on disk and in memory: demonstration, reward model, store, agent."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.cli.demonstration import demonstrate, keep
from robo_dopamine_ros.data.episodes import open_recording
from robo_dopamine_ros.data.faults import EpisodeError
from robo_dopamine_ros.data.steps import NAME, find_steps, read_steps
from robo_dopamine_ros.learning import halt, weights
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.intake import open_experience
from robo_dopamine_ros.learning.observation import Observer, Standard
from robo_dopamine_ros.learning.plan import Plan
from robo_dopamine_ros.learning.practice import Practice
from robo_dopamine_ros.learning.steps import Sizes
from robo_dopamine_ros.learning.trial import Told, evaluate
from robo_dopamine_ros.reward.compact.adaptation import adapt
from robo_dopamine_ros.reward.compact.features import watch
from robo_dopamine_ros.reward.compact.settings import Settings
from robo_dopamine_ros.reward.session import Session, SessionParameters
from robo_dopamine_ros.reward.tracker import TrackerParameters
from robo_dopamine_ros.ros.environment import shared
from robo_dopamine_ros.sim.arena import Arena, Bystander
from robo_dopamine_ros.sim.env import STATE
from robo_dopamine_ros.types import Episode, Progress, Recording, Views

# Of a base that knows the task.
GENTLE = Settings(steps=30, seconds=90.0, rate=3e-4, strength=0.4, drop=0.15)
FIRST, PRACTISED, FRESH = 5_000_000, 2_000_000, 9_000_000  # seeds: no two kinds share a start
APART = 1_000  # seeds of each run


class Watcher:
    """A judge that is a reward model; the session proposes, nobody overrules.

    With a perspective (incremental, forward, backward) that alone is the progress told.
    """

    def __init__(self, session: Session, perspective: str = '') -> None:
        self._session, self._perspective = session, perspective

    def follow(self, episode: Episode) -> None:
        """As `Judge.follow`."""
        self._session.follow(episode)

    def look(self, views: Views) -> Progress:
        """As `Judge.look`."""
        reading, _ = self._session.look(views, {}, views.stamp)
        if not self._perspective:
            return reading
        return dataclasses.replace(reading, progress=getattr(reading, self._perspective))


class Workshop:
    """Has everything of a run ready, whether it is new or goes on; use it as a context."""

    def __init__(self, folder: Path, plan: Plan, report: Callable[[float, str], None]) -> None:
        self.folder, self.plan = Folder(folder), plan
        self.arena = Arena(plan.clearance)
        self.demonstrations = self._record()
        self.model = plan.reward_model(self.folder)
        if not plan.model:
            self._adapt(report)
        grm, eyes = watch(self.model, plan.sees)
        recursion = 'own' if plan.perspective == 'incremental' else 'fused'
        tracker = TrackerParameters(fusion=plan.fusion, recursion=recursion)
        session = Session(grm, SessionParameters(tracker=tracker))
        self.judge = Watcher(session, plan.perspective)
        shown = [
            eyes.see(views) for recording, _ in self.demonstrations for views in recording.play()
        ]
        self.standard = Standard.of(shown)
        self.observer = Observer(eyes.see, self.standard)
        self.sizes = Sizes(shown[0].size, len(STATE))
        self.person = Bystander(
            self.arena.world, np.random.default_rng((plan.seed, 2)), plan.interventions
        )
        self.facts: dict[str, Any] = {}
        self.done = self._read_log() if self.folder.checkpoint.exists() else self._start_over()
        self._experience = open_experience(self.folder, plan, self.sizes)
        self.pupil = plan.pupil(self.folder.store)
        self._practice = Practice(
            *(self.arena, self.judge, self.observer, self.pupil, self._experience),
            *(plan.practice, 'train'),
        )
        if self.folder.checkpoint.exists():
            self.facts = halt.take_up(self.folder.checkpoint, self.pupil, plan.configuration).facts
        else:
            self._teach()

    def __enter__(self) -> 'Workshop':
        return self

    def __exit__(self, *_: object) -> None:
        self.pupil.close()
        self._experience.close()
        self.arena.close()

    def rollout(self) -> Told:
        """Practise one more, and have it on disk."""
        number = len(self.done)
        seed = PRACTISED + APART * self.plan.seed + number
        told = self._practice.rollout(number, seed, self.person)
        self.done.append(told)
        with self.folder.log.open('a', encoding='utf-8') as log:
            log.write(json.dumps(asdict(told)) + '\n')
            log.flush()
            os.fsync(log.fileno())
        return told

    def save(self, **facts: Any) -> None:
        """Put away everything, with facts to be had again."""
        self.facts |= facts
        halt.put_away(
            self.folder.checkpoint,
            self.pupil,
            self.standard,
            self.plan.configuration,
            self.facts,
        )

    def publish(self) -> None:
        """Let others act by what was learned."""
        self.facts['version'] = weights.next_version(
            self.folder.weights, self.facts.get('version', 0)
        )
        agent = self.pupil.agent
        weights.publish(
            *(self.folder.weights, agent.policy, self.standard, self.plan.practice.scale),
            *(self.plan.agent, self.facts['version'], agent.updates),
        )

    def pretraining(self) -> Iterator[int]:
        """Learn from the demonstrations alone, one gradient step at a time."""
        return self.pupil.pretrain(self.plan.practice.pretraining)

    def evaluate(self, count: int, explore: bool, fresh: int = FRESH) -> Iterator[Told]:
        """Let the policy act alone on `count` fresh episodes, which no run shares."""
        first = fresh + APART * self.plan.seed
        seeds = range(first, first + count)
        horizon = self.plan.practice.horizon
        place = (self.arena, self.judge, self.observer, self.pupil.agent)
        return evaluate(*place, seeds, explore, horizon)

    def _record(self) -> list[tuple[Recording, Any]]:
        """Demonstrations, recorded now unless they are there."""
        if self.plan.given:
            folders = find_steps(Path(self.plan.given))
            if not folders:
                raise EpisodeError(f'{self.plan.given}: no folder below it has {NAME}')
        else:
            numbers = range(self.plan.demonstrations)
            folders = [self.folder.demonstrations / f'{number:03d}' for number in numbers]
            for number, folder in enumerate(folders):
                if not (folder / NAME).exists():
                    keep(*demonstrate(self.arena, self.plan.seed, number), folder, 'pictures')
        return [(open_recording(folder), read_steps(folder)) for folder in folders]

    def _adapt(self, report: Callable[[float, str], None]) -> None:
        """Adapt the shipped reward model to the first demonstration, unless that was done."""
        folder = self.folder.model
        if not (folder / 'model.json').exists():
            settings = dataclasses.replace(GENTLE, threads=2)
            recording, base = self.demonstrations[0][0], shared('models/grm')
            watch(base, self.plan.sees)  # a view it does not know is refused before the work
            adapt([recording], folder, settings, self.plan.seed, base, report=report)

    def _start_over(self) -> list[Told]:
        """Nothing was practised before the first checkpoint, so nothing is lost."""
        store = self.folder.store
        for path in (self.folder.log, *store.parent.glob(f'{store.name}*')):
            path.unlink(missing_ok=True)
        return []

    def _read_log(self) -> list[Told]:
        log = self.folder.log
        lines = log.read_text(encoding='utf-8').splitlines() if log.exists() else []
        return [Told(**json.loads(line)) for line in lines]

    def _teach(self) -> None:
        for number, (recording, steps) in enumerate(self.demonstrations):
            self._practice.teach(f'demonstration/{number}', steps, recording.play())
