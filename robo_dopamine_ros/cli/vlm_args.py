"""Options of the verbs that load a vision-language GRM."""

import argparse

from robo_dopamine_ros.grm.vlm.settings import VlmSettings


def add_vlm_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of such a model."""
    add = parser.add_argument_group('only for a vision-language model').add_argument
    add('--prompt', default='', metavar='FILE', help="default: the authors', downloaded once")
    add('--size', default=VlmSettings().size, metavar='WxH', help='of cameras, default %(default)s')
    add('--goal', default='', metavar='DIR', help="VIEW.png of the goal (default: the model's own)")


def vlm_settings(args: argparse.Namespace) -> VlmSettings:
    """Settings from the parsed options."""
    return VlmSettings(size=args.size, prompt=args.prompt, goal=args.goal)
