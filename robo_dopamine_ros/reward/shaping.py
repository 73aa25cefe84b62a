"""Policy-invariant reward from progress (arXiv 2512.23703, Eq 13 to 17). Pure: no clock, no ROS.

Three rules make it invariant on finite episodes too: the discount follows the time of the step;
the potential of a terminal state is 0, after success and failure alike; a truncated episode keeps
its potential and bootstraps. The potentials used are the ones that were logged, each only once.
"""

from dataclasses import dataclass, replace

from robo_dopamine_ros.types import SECOND, Outcome, Progress, Reward

TERMINAL_POTENTIAL = 0.0


@dataclass(frozen=True)
class RewardParameters:
    """How time and success count."""

    gamma: float = 0.98  # discount of one period (paper: 0.98 real, 0.99 simulated), 0..1, above 0
    period: float = 0.1  # time that gamma stands for [s], above 0
    success: float = 1.0  # reward of an episode that ended as a success, 0 or more

    def __post_init__(self) -> None:
        if not 0.0 < self.gamma <= 1.0:
            raise ValueError(f'gamma = {self.gamma}; it must be above 0 and at most 1')
        if not self.period > 0.0:
            raise ValueError(f'period = {self.period} s; it must be above 0')
        if not self.success >= 0.0:
            raise ValueError(f'success = {self.success}; it must be 0 or more')


def discount(dt: float, parameters: RewardParameters) -> float:
    """Discount of a step of `dt` seconds: gamma^(dt / period), so that rates do not matter."""
    if not dt >= 0.0:
        raise ValueError(f'dt = {dt} s; a step cannot take negative time')
    return parameters.gamma ** (dt / parameters.period)


def shaping(previous_potential: float, potential: float, discount: float) -> float:
    """Eq 13: F = discount * Phi(s') - Phi(s)."""
    return discount * potential - previous_potential


def step_reward(
    previous_stamp: int,
    stamp: int,
    previous_potential: float,
    potential: float,
    parameters: RewardParameters,
    outcome: Outcome = Outcome.NONE,
) -> Reward:
    """Eq 14 to 17: the reward of one step; `outcome` is how the episode ended in it, if it did.

    Stamps in ns. A terminal outcome replaces `potential` by 0; only success pays.
    """
    if outcome.terminal:
        potential = TERMINAL_POTENTIAL
    factor = discount((stamp - previous_stamp) / SECOND, parameters)
    paid = parameters.success if outcome is Outcome.SUCCESS else 0.0
    shaped = shaping(previous_potential, potential, factor)
    return Reward(
        stamp=stamp,
        previous_stamp=previous_stamp,
        reward=paid + shaped,
        success=paid,
        shaping=shaped,
        potential=potential,
        previous_potential=previous_potential,
        discount=factor,
        terminated=outcome.terminal,
        truncated=outcome not in (Outcome.NONE, Outcome.SUCCESS, Outcome.FAILURE),
    )


class Rewarder:
    """Turns the readings of an episode into its rewards; discounted shaping telescopes exactly.

    Readings that are not valid, not newer or of another episode give no reward: the next valid
    one bridges the gap with its true time. Over an episode the shaping then sums to
    discount * Phi(last) - Phi(first), and to -Phi(first) when it terminates.
    """

    def __init__(self, parameters: RewardParameters | None = None) -> None:
        self.parameters = parameters or RewardParameters()
        self.begin()

    def begin(self, episode: str = '') -> None:
        """Start an episode."""
        self._episode = episode
        self._last: Progress | None = None
        self._running = True

    def update(self, reading: Progress) -> Reward | None:
        """Give the reward of the step that this reading completes; None when it completes none."""
        if not (self._running and reading.valid and reading.episode == self._episode):
            return None
        last = self._last
        if last is not None and not reading.stamp > last.stamp:
            return None
        self._last = reading
        if last is None:
            return None
        reward = step_reward(
            last.stamp, reading.stamp, last.progress, reading.progress, self.parameters
        )
        return replace(
            reward,
            episode=self._episode,
            step=reading.step,
            confidence=min(last.confidence, reading.confidence),
        )

    def end(self, outcome: Outcome, stamp: int) -> Reward | None:
        """Close the episode by the conductor's word at `stamp` [ns] and give its last reward.

        The last step runs from the last valid reading to `stamp`, or takes no time when the word
        is older. Success is paid even if no reading ever came. None when it had already ended.
        """
        if outcome is Outcome.NONE:
            raise ValueError('outcome = NONE; an episode ends with a named outcome')
        if not self._running:
            return None
        self._running = False
        last = self._last or Progress(stamp=stamp, episode=self._episode)
        reward = step_reward(
            last.stamp,
            max(stamp, last.stamp),
            last.progress,
            last.progress,
            self.parameters,
            outcome,
        )
        return replace(
            reward, episode=self._episode, step=last.step + 1, confidence=last.confidence
        )
