"""A run folder that is ready in a moment, and practice in it as a recorder would keep it."""

from pathlib import Path

import numpy as np

from robo_dopamine_ros.learning import halt, weights
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.intake import open_experience, reopen_experience
from robo_dopamine_ros.learning.observation import Standard
from robo_dopamine_ros.learning.parameters import AgentParameters
from robo_dopamine_ros.learning.plan import Plan, write_plan
from robo_dopamine_ros.learning.practice import PracticeParameters
from robo_dopamine_ros.learning.steps import Frame, Key, Scale, Sizes, Step
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

SIZES = Sizes(features=3, state=2)
DEMONSTRATED = 6  # steps
PLAN = Plan(
    AgentParameters(width=8, critics=2),
    PracticeParameters(updates=3, batch=4, pretraining=5, scale=Scale(axes=('x',))),
    seed=4,
)


def make_run(path: Path, plan: Plan = PLAN) -> Folder:
    """What `robo-dopamine train --rollouts 0` leaves, but for demonstrations and reward model."""
    folder = Folder(path)
    path.mkdir(parents=True, exist_ok=True)
    write_plan(plan, path)
    with open_experience(folder, plan, SIZES) as experience:
        live_through(experience, 'demonstration/0', DEMONSTRATED, demonstration=True)
    learned = plan.practice
    pupil = plan.pupil(folder.store)
    list(pupil.pretrain(learned.pretraining))
    standard = Standard(np.zeros(3, np.float32), np.ones(3, np.float32))
    halt.put_away(folder.checkpoint, pupil, standard, plan.configuration, {'seconds': 1.0})
    acting = (pupil.agent.policy, standard, learned.scale, plan.agent)
    weights.publish(folder.weights, *acting, version=1, updates=pupil.agent.updates)
    pupil.close()
    return folder


def practise(folder: Folder, episode: str, steps: int) -> None:
    """Add an episode of the policy to the store."""
    with reopen_experience(folder) as experience:
        live_through(experience, episode, steps)


def live_through(experience, episode: str, steps: int, demonstration: bool = False) -> None:
    rng = np.random.default_rng(len(episode) + steps)
    epoch = experience.begin(episode)
    mode = Mode.HUMAN if demonstration else Mode.POLICY
    seen = [_frame(rng, SECOND + number * SECOND // 10) for number in range(steps + 1)]
    for number, (begin, end) in enumerate(zip(seen[:-1], seen[1:], strict=True)):
        twist = np.array([rng.uniform(-0.1, 0.1), 0, 0, 0, 0, 0])
        key = Key(episode, epoch, number)
        step = Step(key, episode, begin, end, mode, twist, 0.0, 0.0, 1, demonstration)
        experience.record(step, end.stamp)
        share = (number + 1) / steps
        experience.record(Progress(end.stamp, episode, progress=share, valid=True), end.stamp)
    word = Episode(episode, phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=seen[-1].stamp)
    experience.record(word, word.stamp)


def _frame(rng: np.random.Generator, stamp: int) -> Frame:
    features = rng.normal(size=SIZES.features).astype(SIZES.precision)
    return Frame(stamp, features, rng.normal(size=SIZES.state).astype(np.float32))
