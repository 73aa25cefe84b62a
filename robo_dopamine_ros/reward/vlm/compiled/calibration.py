"""Making a checkpoint 8-bit: it answers real questions, and its layers are fitted to what they saw.

Questions are the GRM's own, with pictures, about pairs of looks at recorded episodes: all three
queries of a step, onward and back alike, as often from every episode.
"""

from collections.abc import Sequence

import numpy as np
import torch

from robo_dopamine_ros.reward.grm import GRM, ModelError
from robo_dopamine_ros.reward.telling import Report, silent
from robo_dopamine_ros.reward.vlm.compiled.quantize import quantize
from robo_dopamine_ros.reward.vlm.compiled.ranges import Ranges, watch
from robo_dopamine_ros.reward.vlm.fidelity.looks import EACH, ask, draw, look_at
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint
from robo_dopamine_ros.types import Recording

LARGEST = 65504.0  # that float16 can hold


def calibrate(
    model: GRM,
    checkpoint: Checkpoint,
    recordings: Sequence[Recording],
    questions: int = 384,
    seed: int = 0,
    report: Report = silent,
) -> Ranges:
    """Ask `model`, which runs the checkpoint by torch, and watch how large its numbers get."""
    if not recordings:
        raise ValueError('no recordings; calibration needs one or more')
    if not questions >= 1:
        raise ValueError(f'questions = {questions}; calibration asks 1 or more')
    rng = np.random.default_rng(seed)
    count = -(-questions // (EACH * len(recordings)))
    with watch(checkpoint.model.model.language_model.layers) as ranges:
        for number, recording in enumerate(recordings):
            episode = look_at(recording)
            for index, pair in enumerate(draw(episode, count, rng)):
                report((number + index / count) / len(recordings), f'asking about {recording.name}')
                for hops in ask(model, episode, pair):
                    if not hops.valid:
                        raise ModelError(f'no answer about {recording.name}: {hops.reason}')
    report(1.0, 'calibrated')
    return ranges


def make_eight_bit(checkpoint: Checkpoint, ranges: Ranges, precision: str) -> None:
    """Make it 8-bit in place; all that is not is float16, and it is on the processor then."""
    if not ranges.largest <= LARGEST:
        raise ModelError(
            f'{checkpoint.name}: inside, numbers reach {ranges.largest:.3g}, and float16, which '
            f'{precision} goes with, ends at {LARGEST:.0f}; export it with --precision bf16'
        )
    checkpoint.model.to('cpu', torch.float16)
    quantize(checkpoint.model.model.language_model, ranges, precision)
