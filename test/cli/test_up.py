"""A cell as `robo-dopamine up` starts it: real processes that come up, die, and are stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from small_run import CONFIG, make_run
from test_replay import child_pids
from test_replay import environment as shell
from test_supervisor import alive, until

from robo_dopamine_ros.cli.dds_domain import VARIABLE, free_domain
from robo_dopamine_ros.ros import environment

environment.activate()

from robo_dopamine_ros.nodes.cell_client import CellClient  # noqa: E402 (need the environment)
from robo_dopamine_ros.ros import topics  # noqa: E402
from robo_dopamine_ros.ros.convert import from_msg  # noqa: E402
from robo_dopamine_ros.types import Control, Outcome, Phase  # noqa: E402

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # [s] for a cell to come up, on a machine that has much else to do
CALM = ['--set', 'gate.limits.arm_timeout=2', '--set', 'gate.limits.tick_timeout=2']  # there


class Up:
    """One call of the verb, what it said, and its nodes."""

    def __init__(self, *words: object) -> None:
        variables = {k: v for k, v in os.environ.items() if k == VARIABLE}
        self.popen = subprocess.Popen(
            [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'up', *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=shell() | variables,
        )  # fmt: skip
        self.said = ''
        self.children: set[int] = set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.said += line

    def pids(self) -> dict[str, int]:
        """Process ids of the nodes by executable."""
        found = {}
        for pid in child_pids(self.popen.pid):
            with open(f'/proc/{pid}/cmdline') as file:
                words = file.read().split('\0')
            found[words[2].split('.')[-1]] = pid
        self.children |= set(found.values())
        return found

    def until(self, condition) -> None:
        def holds():
            assert self.popen.poll() is None, self.said
            return condition()

        try:
            until(holds, PATIENCE)
        except AssertionError as error:
            raise AssertionError(self.said) from error

    def end(self) -> int:
        self._thread.join(PATIENCE)
        code = self.popen.wait(PATIENCE)
        assert not any(map(alive, self.children)), 'nodes were left behind'
        return code

    def interrupt(self) -> int:
        self.pids()
        self.popen.send_signal(signal.SIGINT)
        return self.end()

    def __enter__(self) -> 'Up':
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            self.end()


class GateClient(CellClient):
    """Receives the gate's messages as well."""

    def __init__(self, namespace: str = '') -> None:
        super().__init__(namespace=namespace)
        self.controls: list[Control] = []
        self.subscribe(topics.CONTROL, from_msg, self.controls)


@pytest.fixture(autouse=True)
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.delenv(VARIABLE, raising=False)
    number = free_domain()
    monkeypatch.setenv(VARIABLE, str(number))
    return number


def test_the_simulated_cell_comes_up_and_survives_a_dead_reward_node(model) -> None:
    with Up('--namespace', 'left', '--model', model, *CALM) as up, GateClient('left') as client:
        up.until(lambda: 'all up after' in up.said)
        assert set(up.pids()) == {'sim', 'gate', 'teleop', 'reward', 'episode_manager'}
        up.until(lambda: client.readings and client.controls and client.controls[-1].target)
        assert not client.controls[-1].latched, client.controls[-1].reason
        started = client.start_episode('', PATIENCE, lambda: None)
        assert started.task == 'insert the square peg into the hole'
        up.until(lambda: client.episode.phase is Phase.RUNNING)
        up.until(lambda: any(reading.valid for reading in client.episode_readings()))
        with Up('reward', '--namespace', 'left') as second:
            assert second.end() == 2
        assert '/left/reward, /left/episode_manager run already on this machine' in second.said
        before = up.pids()
        os.kill(before['reward'], signal.SIGKILL)
        up.until(lambda: 'reward: was ended by SIGKILL; starting it again' in up.said)
        up.until(lambda: client.episode.phase is Phase.ENDED)
        assert client.episode.outcome is Outcome.ABORTED
        assert 'of the reward model' in client.episode.decided_by
        heard = len(client.readings)
        up.until(lambda: len(client.readings) > heard)
        assert {**up.pids(), 'reward': 0} == {**before, 'reward': 0}
        assert up.interrupt() == 130
    assert 'Traceback' not in up.said, up.said


@pytest.mark.parametrize('victim', ['gate', 'teleop'])
def test_another_death_ends_the_cell_by_name(victim: str) -> None:
    words = [
        '--set',
        'episode_manager.resets.strategy=none',
        '--without',
        'sim',
        '--without',
        'reward',
    ]
    with Up(*words) as up:
        up.until(lambda: 'all up after' in up.said)
        os.kill(up.pids()[victim], signal.SIGKILL)
        assert up.end() == 2
    assert f'robo-dopamine: {victim} was ended by SIGKILL' in up.said


def test_without_cameras_it_says_what_is_missing_until_ctrl_c(model) -> None:
    with Up('reward', '--model', model, '--task', 'push the block') as up:
        up.until(lambda: 'no reading: front: ' in up.said)
        assert set(up.pids()) == {'reward', 'episode_manager'}
        assert up.interrupt() == 130


def test_what_cannot_start_is_said_before_anything_does(tmp_path) -> None:
    (tmp_path / 'cell.yaml').write_text('cell: {ros__parameters: {nodes: [gate, episode_manger]}}')
    for words, text in (
        ([tmp_path / 'no.yaml'], 'no.yaml: No such file or directory'),
        ([tmp_path / 'cell.yaml'], 'did you mean episode_manager?'),
    ):
        with Up(*words) as up:
            assert up.end() == 2
        assert text in up.said
        assert 'Traceback' not in up.said


def test_a_dry_run_tells_launch_files_what_to_start() -> None:
    with Up('reward', '--dry-run', '--namespace', 'left', '--set', 'reward.rate=5') as up:
        assert up.end() == 0
    reward, episode_manager = json.loads(up.said)
    assert reward == {
        'executable': 'reward',
        'arguments': [
            '--ros-args', '-r', '__node:=reward', '-r', '__ns:=/left', '-p', 'rate:=5.0'
        ],
        'respawn': True,
    }  # fmt: skip
    assert not episode_manager['respawn']


def test_a_run_is_told_once(tmp_path) -> None:
    run = make_run(
        tmp_path / 'run', replace(CONFIG, reward_model_dir=str(ROOT / 'models' / 'grm'))
    ).path
    with Up('learn', '--run', run, '--dry-run') as up:
        assert up.end() == 0
    told = {process['executable']: process for process in json.loads(up.said)}
    for node in ('policy', 'recorder', 'learner'):
        assert f'run:="{run}"' in told[node]['arguments']
        assert told[node]['respawn']
    with Up('learn', '--run', tmp_path / 'none') as up:
        assert up.end() == 2
    assert f'`robo-dopamine train --rollouts 0 --out {tmp_path}/none` makes it' in up.said
    assert 'Traceback' not in up.said
