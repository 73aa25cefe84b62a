"""Parameters of episodes and resets, as the episode manager declares them to ROS."""

import math
from dataclasses import dataclass, field

from robo_dopamine_ros.episodes.home_motion import HomePose
from robo_dopamine_ros.types import require_at_least

TIMES = ('time_limit', 'grace_period', 'reward_timeout', 'interval', 'correction_time')
RESET_STRATEGIES = ('none', 'sim', 'motion', 'manual')


@dataclass(frozen=True)
class EpisodeParameters:
    """When episodes start and end automatically."""

    task: str = ''  # instruction of episodes that are started without one
    time_limit: float = 120.0  # an episode is truncated then [s], 0: never
    accept_candidates: bool = False  # whether a success candidate may end an episode
    grace_period: float = 1.0  # a candidate must hold so long; a person may overrule it [s]
    reward_timeout: float = 2.0  # silence of the reward model that aborts [s], 0: never
    auto_start: bool = False  # start the next episode automatically, unless one was aborted
    interval: float = 3.0  # from an end to the automatic start [s]
    correction_time: float = 0.0  # a person may correct an outcome so long; final then [s]
    first_index: int = 0  # index of the first episode: how many a resumed run has had before
    rollouts: int = 0  # no automatic start after so many, first_index included; 0: no limit
    require_recorder: bool = False  # whether episodes need a recorder that stores them

    def __post_init__(self) -> None:
        for name in TIMES:
            if not 0.0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value} s; it must be 0 or more')
        require_at_least(0, self, 'first_index', 'rollouts')


@dataclass(frozen=True)
class ResetParameters:
    """How arm and scene are reset before an episode runs."""

    strategy: str = 'none'  # none, sim (simulator), motion (through the gate), manual (a person)
    timeout: float = 30.0  # of the strategies sim and motion [s]
    home: HomePose = field(default_factory=HomePose)

    def __post_init__(self) -> None:
        if self.strategy not in RESET_STRATEGIES:
            raise ValueError(
                f'strategy = {self.strategy!r}; it must be one of {", ".join(RESET_STRATEGIES)}'
            )
        if not 0.0 < self.timeout < math.inf:
            raise ValueError(f'timeout = {self.timeout} s; it must be above 0')
