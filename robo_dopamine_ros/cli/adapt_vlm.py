"""Verb `adapt` for a vision-language GRM."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from robo_dopamine_ros.cli.console import print_json_progress, progress_bar
from robo_dopamine_ros.cli.option_types import Real, Whole
from robo_dopamine_ros.data.episode_folder import find_recordings
from robo_dopamine_ros.grm.compact.verdict import MIN_FRAMES, MIN_HOP_SIGN
from robo_dopamine_ros.grm.loading import ModelKind, kind_of
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.finetune.config import FinetuneConfig
from robo_dopamine_ros.grm.vlm.finetune.dataset import SAMPLES_FILE, write_dataset
from robo_dopamine_ros.grm.vlm.finetune.sampler import HopSampling
from robo_dopamine_ros.grm.vlm.query.prompt import Prompt, choose_prompt
from robo_dopamine_ros.types import Recording

WEAK, INTERRUPTED = 1, 130  # exit codes
OPTION_OF_FIELD = {  # of FinetuneConfig
    'epochs': 'epochs',
    'rank': 'rank',
    'learning_rate': 'rate',
    'batch_size': 'batch',
    'micro_batch': 'micro_batch',
    'save_every': 'save_every',
    'train_merger': 'merger',
    'gradient_checkpointing': 'checkpointing',
}


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare the options of a vision-language GRM."""
    default, hops = FinetuneConfig(), HopSampling().hops
    options: tuple[tuple[str, Any, str], ...] = (
        ('--task', str, 'instruction (default: that of the demonstration)'),
        ('--prompt', Path, "a text file, or the authors' script (default: the authors' prompt)"),
        ('--hops', Whole(1), f'hops drawn from a demonstration (default: {hops})'),
        ('--epochs', Whole(1), f'passes over all hops (default: {default.epochs})'),
        ('--rank', Whole(1), f'of the LoRA matrices (default: {default.rank})'),
        ('--rate', Real(0.0, 1.0), f'learning rate (default: {default.learning_rate:g}; the '
         'authors take 1e-5, but train all weights)'),
        ('--batch', Whole(1), f'hops in an update (default: {default.batch_size})'),
        ('--micro-batch', Whole(1), f'hops in memory at a time (default: {default.micro_batch})'),
        ('--save-every', Whole(1), f'updates between two saves (default: {default.save_every})'),
        ('--device', str, 'cuda, cuda:1 or cpu (default: a GPU where there is one)'),
    )  # fmt: skip
    for option, kind, help_ in options:
        group.add_argument(option, type=kind, help=help_)
    flags = (
        ('--merger', 'also train the vision-language merger; slower'),
        ('--checkpointing', 'less GPU memory, a third slower'),
        ('--data-only', "write only the hops and images, for the authors' trainer"),
    )
    for option, help_ in flags:
        group.add_argument(option, action='store_true', help=help_)


def is_checkpoint(base: str) -> bool:
    """Whether a base is a vision-language checkpoint: a folder, or a hub name."""
    kind = kind_of(base)
    if kind is ModelKind.COMPILED:
        raise ModelError(f'{base} is compiled; give the checkpoint that it was made from')
    return kind is ModelKind.PUBLISHED


def run(args: argparse.Namespace) -> int:
    """Train, or write the data only; an unfinished training in the same folder is resumed."""
    found = find_recordings(args.demonstrations)
    recordings = [_with_task(recording, args.task) for recording in found]
    prompt = choose_prompt(args.prompt)
    sampling = HopSampling(**_given(args, {'hops': 'hops'}))
    if args.data_only:
        return _write_data(args, recordings, prompt, sampling)
    return _train(args, recordings, prompt, sampling)


def _write_data(
    args: argparse.Namespace, recordings: list[Recording], prompt: Prompt, sampling: HopSampling
) -> int:
    with progress_bar() as show:
        report = print_json_progress if args.progress_json else show
        count = write_dataset(recordings, args.out, prompt, sampling, args.seed, report)
    paths = {'annotation_path': str(args.out / SAMPLES_FILE), 'data_path': str(args.out)}
    if args.progress_json:
        print(json.dumps({**paths, 'samples': count}))
        return 0
    print(f"{count} samples; in the authors' train/qwenvl/data/__init__.py they are\n{paths}")
    return 0


def _train(
    args: argparse.Namespace, recordings: list[Recording], prompt: Prompt, sampling: HopSampling
) -> int:
    config = FinetuneConfig(**_given(args, OPTION_OF_FIELD))
    # torch, which takes seconds
    from robo_dopamine_ros.grm.vlm.finetune.adapt import FinetuneJob, adapt
    from robo_dopamine_ros.grm.vlm.finetune.output_dir import WORK_DIR

    device = args.device or 'auto'
    job = FinetuneJob(recordings, args.base, prompt, config, sampling, args.seed, device)
    try:
        with progress_bar() as show:
            result = adapt(job, args.out, print_json_progress if args.progress_json else show)
    except KeyboardInterrupt:
        saved = (args.out / WORK_DIR).exists()
        what = 'the same command goes on' if saved else 'nothing is kept yet'
        print(f'stopped; {what}', file=sys.stderr)
        return INTERRUPTED
    summary = {'model': str(args.out), 'held_back': dataclasses.asdict(result)}
    print(json.dumps(summary) if args.progress_json else f'{args.out}: {result}')
    if weak := weakness(result.after.hops, result.after.sign):
        print(f'{args.out} is {weak}', file=sys.stderr)
    return WEAK if weak else 0


def weakness(hops: int, sign: float) -> str:
    """Say what is wrong with a share of hops in the right direction; '' for a usable one."""
    if hops < MIN_FRAMES or sign >= MIN_HOP_SIGN:
        return ''
    return (
        f'not usable: {sign:.0%} of the hops right, at least {MIN_HOP_SIGN:.0%} needed. '
        'Try: a demonstration that shows the whole task once, its pictures in order; '
        'or more --epochs, or more demonstrations'
    )


def _given(args: argparse.Namespace, option_of_field: dict[str, str]) -> dict[str, Any]:
    """Values of the options that were given, by the name of their field."""
    values = {name: getattr(args, option) for name, option in option_of_field.items()}
    return {name: value for name, value in values.items() if value is not None}


def _with_task(recording: Recording, task: str | None) -> Recording:
    return dataclasses.replace(recording, instruction=task) if task else recording
