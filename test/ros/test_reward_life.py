"""Lifecycle and adaptation of the reward node, as processes."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from processes import REWARD, Child, Watcher
from rclpy.action import ActionClient

from robo_dopamine_ros.ros.topics import ADAPT_REWARD, Service

CHANGE = Service('reward/change_state', ChangeState, 'reward', '')
STATE = Service('reward/get_state', GetState, 'reward', '')


@pytest.fixture
def reward(domain: int, request: pytest.FixtureRequest) -> Iterator[Child]:
    child = Child(REWARD, 'model:=fake', *getattr(request, 'param', ()))
    yield child
    child.kill()


def state(watcher: Watcher) -> str:
    return watcher.call(STATE, GetState.Request()).current_state.label


def change(watcher: Watcher, transition: int) -> None:
    request = ChangeState.Request(transition=Transition(id=transition))
    watcher.call(CHANGE, request)


@pytest.mark.parametrize('reward', [['autostart:=false']], indirect=True)
def test_it_publishes_only_while_active(reward: Child, watcher: Watcher) -> None:
    assert state(watcher) == 'unconfigured'
    for _ in range(2):
        change(watcher, Transition.TRANSITION_CONFIGURE)
        assert state(watcher) == 'inactive'
        change(watcher, Transition.TRANSITION_ACTIVATE)
        assert state(watcher) == 'active'
        before = len(watcher.readings)
        watcher.until(lambda b=before: len(watcher.readings) > b + 2, 'active and silent')
        change(watcher, Transition.TRANSITION_DEACTIVATE)
        assert state(watcher) == 'inactive'
        watcher.until(lambda: watcher.said('reward: reward') == 'not active', 'not told')
        silent = len(watcher.readings)
        change(watcher, Transition.TRANSITION_CLEANUP)
        assert state(watcher) == 'unconfigured'
        assert len(watcher.readings) == silent
    assert reward.interrupt()[0] == 0


class AdaptGoal:
    """One goal of adapt_reward and its result."""

    def __init__(self, watcher: Watcher, client: ActionClient, demonstration: str) -> None:
        self.feedback: list[Any] = []
        self._watcher = watcher
        goal = ADAPT_REWARD.type.Goal(demonstration=demonstration, model='adapted', seed=7)
        sent = client.send_goal_async(goal, lambda message: self.feedback.append(message.feedback))
        watcher.until(sent.done, 'the goal was not answered')
        self.handle = sent.result()

    def result(self) -> Any:
        future = self.handle.get_result_async()
        self._watcher.until(future.done, 'no result')
        return future.result()


@pytest.fixture
def client(reward: Child, watcher: Watcher) -> ActionClient:
    """A client that got an answer: DDS may lose answers to a client it just discovered."""
    client = ActionClient(watcher.node, ADAPT_REWARD.type, ADAPT_REWARD.name)
    watcher.until(client.server_is_ready, 'adapt_reward is not offered')
    sent: list[Any] = []

    def answered() -> bool:
        if not sent or time.monotonic() > sent[-1][0] + 1.0:
            goal = ADAPT_REWARD.type.Goal(demonstration='missing')
            sent.append((time.monotonic(), client.send_goal_async(goal)))
        return sent[-1][1].done() and sent[-1][1].result().accepted

    watcher.until(answered, 'adapt_reward does not answer')
    future = sent[-1][1].result().get_result_async()
    watcher.until(future.done, 'adapt_reward gives no result')
    return client


def test_a_demonstration_becomes_the_model(client: ActionClient, watcher: Watcher) -> None:
    watcher.until(lambda: bool(watcher.readings), 'no readings')
    assert watcher.readings[-1].model == 'fake'
    training = AdaptGoal(watcher, client, 'demonstration')
    assert training.handle.accepted
    answer = training.result()
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert (answer.result.succeeded, answer.result.model) == (True, 'adapted')
    watcher.until(lambda: len(training.feedback) == 3, 'feedback was lost')
    assert [told.fraction for told in training.feedback] == [0.0, 0.5, 1.0]
    assert [told.loss for told in training.feedback] == [1.0, 0.5, 0.0]
    assert training.feedback[0].stage == 'seed 7'
    watcher.until(lambda: watcher.readings[-1].model == 'adapted', 'the model is not in use')


def test_a_failed_training_changes_nothing(client: ActionClient, watcher: Watcher) -> None:
    answer = AdaptGoal(watcher, client, 'missing').result()
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.reason == 'exit code 1: no such demonstration: missing'
    watcher.until(lambda: bool(watcher.readings), 'no readings')
    assert watcher.readings[-1].model == 'fake'


def test_one_training_runs_and_can_be_cancelled(client: ActionClient, watcher: Watcher) -> None:
    training = AdaptGoal(watcher, client, 'long')
    watcher.until(lambda: len(training.feedback) == 3, 'it does not run')
    assert not AdaptGoal(watcher, client, 'another').handle.accepted
    cancelled = training.handle.cancel_goal_async()
    watcher.until(cancelled.done, 'cancelling was not answered')
    answer = training.result()
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.reason == 'cancelled'
    assert AdaptGoal(watcher, client, 'demonstration').result().result.succeeded
