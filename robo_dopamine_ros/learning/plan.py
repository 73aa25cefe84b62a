"""Everything that decides how a run of `train` goes, kept beside it and compared on resuming."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robo_dopamine_ros.learning.checkpoint import CheckpointError, write
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.parameters import AgentParameters, CalQl, ConRft
from robo_dopamine_ros.learning.practice import PracticeParameters
from robo_dopamine_ros.learning.pupil import Pupil
from robo_dopamine_ros.learning.sampling import SamplingParameters
from robo_dopamine_ros.learning.steps import Scale
from robo_dopamine_ros.types import VIEWS

WRISTS = VIEWS[1:]  # they move with the tool, so that near the goal all boards look alike


@dataclass(frozen=True)
class Plan:
    """Everything that decides how a run goes."""

    agent: AgentParameters
    practice: PracticeParameters
    seed: int = 0
    rollouts: int = 120  # of practice
    interventions: int = 15  # rollouts in which the person stands by, from the first on
    reward: str = 'shaped'  # shaped, sparse, absolute or scaled
    fusion: str = 'mean'  # of the perspectives of progress
    perspective: str = ''  # the only one that counts as potential, if any
    gamma: float = 0.97  # discount of one step
    clearance: float = 0.002  # of the hole [m]
    demonstrations: int = 1  # recorded first, where none are given
    given: str = ''  # folder of demonstrations
    model: str = ''  # folder of a reward model; empty: adapt the shipped one
    sees: tuple[str, ...] = WRISTS  # views whose features the policy has; empty: all

    def __post_init__(self) -> None:
        for name in ('seed', 'rollouts', 'interventions'):
            if not (value := getattr(self, name)) >= 0:
                raise ValueError(f'{name} = {value}; it must be 0 or more')
        if not self.demonstrations >= 1:
            raise ValueError(f'demonstrations = {self.demonstrations}; it must be 1 or more')
        if not 0.0 < self.gamma < 1.0:
            raise ValueError(f'gamma = {self.gamma}; it must lie between 0 and 1')
        if not 0.0 < self.clearance <= 0.02:
            raise ValueError(f'clearance = {self.clearance} m; it must lie above 0, up to 0.02')

    @property
    def configuration(self) -> dict[str, Any]:
        """What must be the same to go on: everything but for how long."""
        told = json.loads(json.dumps(asdict(self)))
        del told['rollouts']
        return told

    def pupil(self, store: Path) -> Pupil:
        """One that is to learn from a store; StoreError without a store."""
        p = self.practice
        return Pupil.make(store, p.scale, self.agent, p.batch, self.seed, p.sampling)

    def reward_model(self, folder: Folder) -> Path:
        """The folder of the reward model, where the run lies in `folder`."""
        return Path(self.model) if self.model else folder.model


def agent_of(algorithm: str) -> AgentParameters:
    """The agent that practice was tuned with, on one core."""
    return AgentParameters(
        algorithm=algorithm,
        reward_scale=10.0,
        width=128,
        critic_rate=5e-4,
        actor_rate=5e-4,
        temperature_rate=5e-4,
        temperature=0.02,
        target_entropy=-0.25,
        actor_every=4,
        earned=True,
        imitation_offline=5.0,
        imitation_online=5.0,
        calql=CalQl(online=0.0, samples=4, share=0.125, max_backup=False),
        conrft=ConRft(samples=4, share=0.25),
    )


def default_plan(algorithm: str) -> Plan:
    """What `train` does unless it is told otherwise."""
    return Plan(agent_of(algorithm), PracticeParameters(sampling=SamplingParameters(blur=0.1)))


def read_plan(folder: Path) -> Plan:
    """The plan of a run that was begun; raises CheckpointError where there is none."""
    path = Folder(folder).plan
    try:
        kept = json.loads(path.read_text(encoding='utf-8'))
        agent, practice = AgentParameters.read(kept.pop('agent')), kept.pop('practice')
        scale = Scale.read(practice.pop('scale'))
        sampling = SamplingParameters(**practice.pop('sampling'))
        practised = PracticeParameters(**practice, scale=scale, sampling=sampling)
        return Plan(agent, practised, **{**kept, 'sees': tuple(kept['sees'])})
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CheckpointError(f'{path}: no run of `train` to resume: {error}') from error


def write_plan(plan: Plan, folder: Path) -> None:
    """Keep the plan of a run, in the place of the one before."""
    text = json.dumps(plan.configuration | {'rollouts': plan.rollouts}, indent=2)
    write(Folder(folder).plan, f'{text}\n'.encode())
