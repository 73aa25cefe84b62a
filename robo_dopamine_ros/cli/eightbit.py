"""Opening a checkpoint to be compiled: as it is, or in 8 bits that are fitted to episodes."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from robo_dopamine_ros.data.episodes import find_recordings
from robo_dopamine_ros.reward.telling import Report, part
from robo_dopamine_ros.reward.vlm.precision import PRECISIONS
from robo_dopamine_ros.reward.vlm.settings import VlmSettings

if TYPE_CHECKING:
    from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint
    from robo_dopamine_ros.reward.vlm.query.prompt import Prompt


def take(
    args: argparse.Namespace, settings: VlmSettings, prompt: 'Prompt', show: Report
) -> 'Checkpoint':
    """The checkpoint on the processor; 8 bits are fitted on a GPU where there is one."""
    from robo_dopamine_ros.reward.vlm.compiled.calibration import calibrate, make_eight_bit
    from robo_dopamine_ros.reward.vlm.opening import choose_limits, over_torch
    from robo_dopamine_ros.reward.vlm.published.checkpoint import open_checkpoint

    if args.precision in PRECISIONS:
        opened = open_checkpoint(args.model, 'cpu', PRECISIONS[args.precision], show)
        return replace(opened, images=choose_limits(opened.images, settings))
    recordings = find_recordings(args.calibrate)
    opened = open_checkpoint(args.model, report=part(show, 0.0, 0.2))
    checkpoint = replace(opened, images=choose_limits(opened.images, settings))
    asked = over_torch(checkpoint, prompt, settings)
    ranges = calibrate(asked, checkpoint, recordings, args.questions, report=part(show, 0.2, 1.0))
    make_eight_bit(checkpoint, ranges, args.precision)
    return checkpoint
