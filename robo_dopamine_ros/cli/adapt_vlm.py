"""The verb `adapt` where the model is a vision-language GRM."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from robo_dopamine_ros.cli.bars import bar, say_json
from robo_dopamine_ros.data.episodes import find_recordings
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.loading import Kind, kind_of
from robo_dopamine_ros.reward.vlm.adapting.delivery import WORK
from robo_dopamine_ros.reward.vlm.adapting.hopdata import Sampling
from robo_dopamine_ros.reward.vlm.adapting.hopfiles import SAMPLES, write
from robo_dopamine_ros.reward.vlm.adapting.tuning import Tuning
from robo_dopamine_ros.reward.vlm.query.prompt import Prompt, choose_prompt
from robo_dopamine_ros.types import Recording

INTERRUPTED = 130  # exit code


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare what only a vision-language GRM takes."""
    default, hops = Tuning(), Sampling().most
    told: tuple[tuple[str, Any, str], ...] = (
        ('--task', str, 'the task in words (default: those of the demonstration)'),
        ('--prompt', Path, "how the model is asked: a text, or the authors' script (default: it)"),
        ('--hops', int, f'hops drawn from a demonstration (default: {hops})'),
        ('--epochs', int, f'times each hop is taught (default: {default.epochs})'),
        ('--rank', int, f'of the matrices added (default: {default.rank})'),
        ('--rate', float, f'learning rate (default: {default.rate:g}; the authors take 1e-5, but '
         'train all weights)'),
        ('--batch', int, f'hops in an update (default: {default.batch})'),
        ('--micro-batch', int, f'hops in memory at a time (default: {default.micro})'),
        ('--save-every', int, f'updates; a stop loses no more (default: {default.save_every})'),
        ('--device', str, 'cuda, cuda:1 or cpu (default: a GPU where there is one)'),
    )  # fmt: skip
    for option, kind, help_ in told:
        group.add_argument(option, type=kind, help=help_)
    flags = (
        ('--merger', 'also teach what joins pictures to words; slower'),
        ('--checkpointing', 'less GPU memory, a third slower'),
        ('--data-only', "write only the hops and pictures, for the authors' trainer"),
    )
    for option, help_ in flags:
        group.add_argument(option, action='store_true', help=help_)


def is_checkpoint(base: str) -> bool:
    """Whether a base is a vision-language checkpoint: a folder of one, or a name on the hub."""
    kind = kind_of(base)
    if kind is Kind.COMPILED:
        raise ModelError(f'{base} is compiled; give the checkpoint that it was made from')
    return kind is Kind.PUBLISHED


def run(args: argparse.Namespace) -> int:
    """Train, or write data only; a training that was begun in the same folder goes on."""
    found = find_recordings(args.demonstrations)
    recordings = [_with_task(recording, args.task) for recording in found]
    prompt = choose_prompt(args.prompt)
    sampling = Sampling(**_given(args, {'most': 'hops'}))
    if args.data_only:
        return _write_data(args, recordings, prompt, sampling)
    return _train(args, recordings, prompt, sampling)


def _write_data(
    args: argparse.Namespace, recordings: list[Recording], prompt: Prompt, sampling: Sampling
) -> int:
    with bar() as show:
        tell = say_json if args.progress_json else show
        count = write(recordings, args.out, prompt, sampling, args.seed, tell)
    told = {'annotation_path': str(args.out / SAMPLES), 'data_path': str(args.out)}
    if args.progress_json:
        print(json.dumps({**told, 'samples': count}))
        return 0
    print(f"{count} samples; in the authors' train/qwenvl/data/__init__.py they are\n{told}")
    return 0


def _train(
    args: argparse.Namespace, recordings: list[Recording], prompt: Prompt, sampling: Sampling
) -> int:
    names = ('epochs', 'rank', 'rate', 'batch', 'save_every', 'merger', 'checkpointing')
    tuning = Tuning(
        **_given(args, {'micro': 'micro_batch', **dict(zip(names, names, strict=True))})
    )
    # these take seconds: torch
    from robo_dopamine_ros.reward.vlm.adapting.adaptation import adapt
    from robo_dopamine_ros.reward.vlm.adapting.classroom import Wish

    device = args.device or 'auto'
    wish = Wish(recordings, args.base, prompt, tuning, sampling, args.seed, device)
    try:
        with bar() as show:
            outcome = adapt(wish, args.out, say_json if args.progress_json else show)
    except KeyboardInterrupt:
        begun = 'the same command goes on' if (args.out / WORK).exists() else 'nothing is kept yet'
        print(f'stopped; {begun}', file=sys.stderr)
        return INTERRUPTED
    told = {'model': str(args.out), 'held_back': dataclasses.asdict(outcome)}
    print(json.dumps(told) if args.progress_json else f'{args.out}: {outcome}')
    return 0


def _given(args: argparse.Namespace, names: dict[str, str]) -> dict[str, Any]:
    """Settings, by their own name, of the options that were given."""
    found = {name: getattr(args, option) for name, option in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def _with_task(recording: Recording, task: str | None) -> Recording:
    return dataclasses.replace(recording, instruction=task) if task else recording
