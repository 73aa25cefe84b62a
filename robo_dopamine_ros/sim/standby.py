"""One who stands by in the first episodes: takes the device up when the task stalls, for a burst.

He never says how an episode ended. `now` is steady time [s].
"""

from dataclasses import dataclass

from robo_dopamine_ros.sim import truth
from robo_dopamine_ros.sim.operator import Sight
from robo_dopamine_ros.sim.person import Person, Stage
from robo_dopamine_ros.sim.stall import Stall


@dataclass(frozen=True)
class StandbyParameters:
    """When he steps in; the defaults are those of `Bystander`, in seconds."""

    until: int = 30  # episodes in which he stands by, from the first on
    grace: float = 1.0  # nobody is helped so early in an episode [s]
    patience: float = 0.8  # without progress, until he steps in [s]
    burst: float = 1.5  # he drives at most so long, then hands back [s]
    hole: float = 0.022  # side of the hole he looks at [m]

    def __post_init__(self) -> None:
        if not self.until >= 0:
            raise ValueError(f'until = {self.until}; it must be 0 or more')
        for name in ('grace', 'patience', 'burst'):
            if not 0 <= (value := getattr(self, name)) <= 60:
                raise ValueError(f'{name} = {value} s; it must lie in 0..60 s')
        if not 0 < self.hole < 0.06:
            raise ValueError(f'hole = {self.hole} m; it must be above 0 and below 0.06 m')


class Standby:
    """Goes by what he sees; his hands are those of a `Person`."""

    def __init__(self, person: Person, parameters: StandbyParameters) -> None:
        self.times = self.total = 0  # he stepped in, in this episode and in all
        self._person, self._parameters = person, parameters
        self._stall: Stall | None = None  # while he watches an episode
        self._since: float | None = None  # when the arm became his [s]

    @property
    def present(self) -> bool:
        """Whether an episode runs in which he stands by."""
        return self._stall is not None

    def begin(self, index: int, now: float) -> None:
        """An episode runs; they are counted from 0."""
        p = self._parameters
        self._stall = Stall(p.grace, p.patience, now) if index < p.until else None
        self.times = 0

    def finish(self, now: float) -> None:
        """The episode is over: hands off."""
        self._stall = None
        self._person.finish(now)

    def update(self, sight: Sight | None, mine: bool, now: float) -> None:
        """Look, and take the device up or hand it back; `mine`: the gate follows it."""
        if self._stall is None or sight is None:
            return
        stalls = self._stall.update(float(truth.progress(sight.offset, self._parameters.hole)), now)
        if self._person.stage is Stage.IDLE:
            if stalls:
                self._person.begin()
                self._since = None
            return
        self._stall.excuse(now)
        if mine and self._since is None:
            self._since = now
            self.times, self.total = self.times + 1, self.total + 1
        if self._since is not None and now - self._since >= self._parameters.burst:
            self._person.finish(now)
