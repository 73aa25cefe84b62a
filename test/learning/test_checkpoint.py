"""Checkpoints: exact, whole or not there, and refused with the reason."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch
from fake_batches import make_batch

from robo_dopamine_ros import checkpoint
from robo_dopamine_ros.checkpoint import CheckpointError
from robo_dopamine_ros.learning.agent import Agent
from robo_dopamine_ros.learning.config import AgentConfig, CalQlConfig, ConRftConfig
from robo_dopamine_ros.policy.config import ALGORITHMS

TENSORS = {
    'weights': torch.linspace(-1, 1, 7).reshape(7, 1),
    'steps': torch.tensor(12345678901),
    'chance': torch.Generator().manual_seed(3).get_state(),
    'nothing': torch.zeros(0, 4),
    'odd': torch.tensor([torch.inf, -0.0, torch.nan]),
}
CONFIGURATION = {'algorithm': 'calql', 'calql': {'samples': 10, 'lowest': -float('inf')}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'agent.safetensors'


def configuration(agent, action=2):
    return {'observation': 5, 'action': action} | dataclasses.asdict(agent.config)


def bits(value):
    return value.numpy().tobytes(), value.dtype, value.shape


def test_what_was_saved_comes_back_exactly(path):
    metadata = {'rollouts': 12, 'chance': np.random.default_rng(1).bit_generator.state}
    checkpoint.save(path, TENSORS, CONFIGURATION, metadata)
    found = checkpoint.load(path, CONFIGURATION)
    assert {k: bits(v) for k, v in found.tensors.items()} == {
        k: bits(v) for k, v in TENSORS.items()
    }
    assert (found.metadata, found.configuration) == (metadata, CONFIGURATION)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_learning_on_from_a_file_is_never_having_stopped(path, algorithm):
    parameters = AgentConfig(
        algorithm,
        width=16,
        gripper=True,
        calql=CalQlConfig(samples=2),
        conrft=ConRftConfig(samples=2),
    )
    whole, first = (Agent(5, 2, parameters, seed=2) for _ in range(2))
    expected = [whole.update(make_batch(seed=n)) for n in range(5)]
    told = [first.update(make_batch(seed=n)) for n in range(3)]
    checkpoint.save(path, first.state_dict(), configuration(first))
    second = Agent(5, 2, parameters, seed=77)
    second.load_state_dict(checkpoint.load(path, configuration(second)).tensors)
    assert told + [second.update(make_batch(seed=n)) for n in (3, 4)] == expected
    ends = [{k: bits(v) for k, v in agent.state_dict().items()} for agent in (whole, second)]
    assert ends[0] == ends[1]


def test_another_configuration_is_refused_with_the_difference(path):
    parameters = AgentConfig(width=8)
    agent = Agent(5, 2, parameters)
    checkpoint.save(path, agent.state_dict(), configuration(agent))
    changed = dataclasses.replace(parameters, critics=10, calql=CalQlConfig(samples=4))
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(path, configuration(Agent(5, 3, changed), action=3))
    assert str(caught.value) == (
        f'{path}: of another configuration: action is 2 in the file, 3 here; '
        'calql.samples is 10 in the file, 4 here; critics is 4 in the file, 10 here'
    )
    with pytest.raises(CheckpointError, match='new is absent in the file, x here'):
        checkpoint.load(path, {**configuration(agent), 'new': 'x'})


@pytest.mark.parametrize('share', [0.0, 0.001, 0.1, 0.5, 0.99, 0.9999])
def test_a_file_cut_off_is_refused(path, share):
    checkpoint.save(path, TENSORS, CONFIGURATION)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointError, match=f'{path.name}: cut off, damaged or no checkpoint'):
        checkpoint.load(path)


def test_a_changed_byte_anywhere_is_refused(path):
    checkpoint.save(path, TENSORS, CONFIGURATION)
    data, rng = path.read_bytes(), np.random.default_rng(4)
    for place in rng.choice(len(data), 200, replace=False):
        harmed = bytearray(data)
        harmed[place] ^= 1 << rng.integers(8)
        path.write_bytes(harmed)
        with pytest.raises(CheckpointError):
            checkpoint.load(path)


def test_other_files_and_formats_are_refused(path):
    with pytest.raises(CheckpointError, match='cannot be read: No such file'):
        checkpoint.load(path)
    path.write_bytes(b'\x80\x04pickle of something')
    with pytest.raises(CheckpointError, match='no checkpoint'):
        checkpoint.load(path)
    checkpoint.save(path, TENSORS, CONFIGURATION)
    path.write_bytes(path.read_bytes().replace(b'"format":"1"', b'"format":"2"'))
    with pytest.raises(CheckpointError, match='has format 2; this program reads 1'):
        checkpoint.load(path)


def test_a_full_disk_leaves_the_checkpoint_before(path):
    checkpoint.save(path, TENSORS, CONFIGURATION, {'number': 1})
    path.with_name(f'{path.name}.part').symlink_to('/dev/full')
    with pytest.raises(OSError, match='No space left'):
        checkpoint.save(path, TENSORS, CONFIGURATION, {'number': 2})
    assert checkpoint.load(path).metadata == {'number': 1}
    checkpoint.save(path, TENSORS, CONFIGURATION, {'number': 3})
    assert checkpoint.load(path).metadata == {'number': 3}


WRITER = """
import sys, torch
from pathlib import Path
from robo_dopamine_ros import checkpoint
for number in range(1, 100_000):
    tensors = {'a': torch.full((200_000,), float(number))}
    checkpoint.save(Path(sys.argv[1]), tensors, {}, {'n': number})
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_the_last_checkpoint_it_announced(path):
    command = [sys.executable, '-c', WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            announced = [int(writer.stdout.readline()) for _ in range(20)][-1]
        finally:
            writer.kill()
        announced = [announced, *(int(line) for line in writer.stdout if line.strip())][-1]
    found = checkpoint.load(path)
    assert found.metadata['n'] in (announced, announced + 1)
    assert (found.tensors['a'] == found.metadata['n']).all()
