"""Records steps until it is killed; prints epoch and sequence of each that is durable."""

import sys
from pathlib import Path

from random_logs import SPEC, make_observation, make_twist

from robo_dopamine_ros.experience.types import Step, StepId
from robo_dopamine_ros.experience.writer import ExperienceWriter
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

TICK = SECOND // 10
LENGTH = 7  # steps of an episode


def write(path: Path) -> None:
    experience = ExperienceWriter.open(path, SPEC)
    epoch = experience.start_epoch('run')
    frames = [make_observation(0, 0)]
    for sequence in range(500):
        now = (sequence + 1) * TICK
        episode = f'{epoch}-{sequence // LENGTH}'
        frames.append(make_observation(sequence + 1, now))
        begin, end = frames[-2:]
        key = StepId('run', epoch, sequence)
        step = Step(key, episode, begin, end, Mode.POLICY, make_twist(sequence), 1.0, 1.0)
        experience.record(step, now)
        print(epoch, sequence, flush=True)
        experience.record(Progress(now, episode, progress=0.5, valid=True), now)
        if sequence % LENGTH == LENGTH - 1:
            word = Episode(episode, phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=now)
            experience.record(word, now)


if __name__ == '__main__':
    write(Path(sys.argv[1]))
