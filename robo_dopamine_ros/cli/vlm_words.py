"""Words of verbs that open a vision-language reward model."""

import argparse

from robo_dopamine_ros.reward.vlm.settings import VlmSettings


def add_vlm_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what such a model is opened with."""
    group = parser.add_argument_group('only for a vision-language model')
    group.add_argument(
        '--prompt', default='', metavar='FILE', help="default: the authors' own, fetched once"
    )
    group.add_argument(
        '--size',
        default=VlmSettings().size,
        metavar='WxH',
        help='of camera pictures, for a checkpoint (default: %(default)s)',
    )
    group.add_argument(
        '--goal',
        default='',
        metavar='DIR',
        help='VIEW.png of the finished task (default: those that came with the model, if any)',
    )


def vlm_settings(args: argparse.Namespace) -> VlmSettings:
    """Settings of the words that were given."""
    return VlmSettings(size=args.size, prompt=args.prompt, goal=args.goal)
