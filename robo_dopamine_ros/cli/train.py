"""The verb `train`: demonstration, reward model, online training, evaluation."""

import argparse
import dataclasses
import json
import shlex
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.cli.console import progress_bar
from robo_dopamine_ros.cli.option_types import SEED, Real, Whole, output_dir
from robo_dopamine_ros.cli.output import open_output_dir
from robo_dopamine_ros.ros import environment

if TYPE_CHECKING:
    from robo_dopamine_ros.training.config import TrainConfig
    from robo_dopamine_ros.training.workplace import Workplace

HELP = 'train a policy from one demonstration and online rollouts'
EXAMPLES = """\
examples:
  robo-dopamine train                                   record, adapt, train, evaluate
  robo-dopamine train --seed 1 --json
  robo-dopamine train --resume runs/train/20260102-030405-insertion
  robo-dopamine train --demonstrations runs/demos --clearance 0.001
  robo-dopamine train --rollouts 0 --out runs/live      prepare; then up learn --run runs/live
  robo-dopamine train --rollouts 0 --demonstrations EPISODES --cell my_cell.yaml --out runs/arm
"""
PERSPECTIVES = ('incremental', 'forward', 'backward')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; without a default here it is TrainConfig's, or that of the resumed run."""
    from robo_dopamine_ros.experience.reward_baselines import REWARDS
    from robo_dopamine_ros.policy.config import ALGORITHMS
    from robo_dopamine_ros.reward.progress import FUSIONS

    add = parser.add_argument
    add('--out', metavar='DIR', type=output_dir, help='run directory (default: runs/train/..)')
    add('--resume', metavar='RUN_DIR', type=output_dir, help='continue an interrupted run')
    add('--seed', type=SEED, help='of all random numbers (default: 0)')
    add(
        '--rollouts',
        type=Whole(0),
        metavar='N',
        help='online; 0 only prepares a run (default: 120)',
    )
    add('--algorithm', choices=ALGORITHMS, help=f'default: {ALGORITHMS[0]}')
    add('--reward', choices=tuple(REWARDS), help='shaped by progress, or a baseline')
    add(
        '--clearance',
        type=Real(0.0, 0.02, 'metres'),
        metavar='M',
        help='of the hole (default: 0.002)',
    )
    add(
        '--demonstrations',
        metavar='N_OR_DIR',
        help='number to record, or a folder of recorded ones (default: 1)',
    )
    add(
        '--cell',
        metavar='CONFIG',
        help='cell that the run is prepared for, with --rollouts 0 (default: that of the '
        'demonstrations, or the simulation)',
    )
    add('--model', metavar='MODEL_DIR', help='an adapted reward model (default: adapt the shipped)')
    add(
        '--policy-views',
        metavar='VIEW',
        nargs='+',
        help='views that the policy observes (default: the wrists)',
    )
    add('--fusion', choices=FUSIONS, help='of the perspectives of progress (default: mean)')
    add('--perspective', choices=PERSPECTIVES, help='the only one used as potential')
    add(
        '--interventions', type=Whole(0), metavar='N', help='first rollouts with them (default: 15)'
    )
    add('--updates', type=Whole(0), metavar='N', help='gradient steps per step (default: 8)')
    add('--pretraining', type=Whole(0), metavar='N', help='gradient steps before (default: 300)')
    add('--evaluation', type=Whole(0), default=50, metavar='N', help='episodes after (default: 50)')
    add(
        '--eval-before',
        type=Whole(0),
        default=20,
        metavar='N',
        help='episodes before (default: 20)',
    )
    add('--json', action='store_true', help='end with one JSON object on stdout')


def run(args: argparse.Namespace) -> int:
    """Run all stages, or those that an interrupted run lacks."""
    from robo_dopamine_ros.checkpoint import check_configuration, use_threads
    from robo_dopamine_ros.ros.environment import shared_path
    from robo_dopamine_ros.training.config import RunDir, read_train_config, write_train_config
    from robo_dopamine_ros.training.placement import place_new_run, place_resumed_run
    from robo_dopamine_ros.training.run import open_run
    from robo_dopamine_ros.training.stages import format_result, prepare, print_status, train

    use_threads(1)
    start = time.monotonic()
    saved = read_train_config(args.resume) if args.resume else None
    config, cell = make_config(args, saved), read_cell(args.cell)
    with ExitStack() as stack:
        if saved:
            path = args.resume
            check_configuration(path, saved.configuration, config.configuration)
            config = place_resumed_run(path, config, cell)
        else:
            config = place_new_run(config, cell)
            path = stack.enter_context(open_output_dir(args.out, 'train', 'insertion', _keep))
        write_train_config(config, path)
        if saved and cell and not RunDir(path).missing():
            print_status(f'{path} belongs to {config.workplace} from now on')
            return 0
        print_status(
            f'{path}: seed {config.seed}, {config.agent.algorithm}, reward {config.reward}'
        )
        report = stack.enter_context(progress_bar())
        base_model = shared_path('models/grm')
        training_run = stack.enter_context(open_run(RunDir(path), config, base_model, report))
        start -= training_run.metadata.get('seconds', 0.0)
        if config.rollouts:
            result = train(training_run, args.eval_before, args.evaluation, start)
        else:
            result = prepare(training_run, start)
    print(json.dumps(result) if args.json else format_result(result))
    return 0


def _keep(path: Path, _: BaseException) -> bool:
    """Whether a run that ended early learned something, and say how it goes on then."""
    from robo_dopamine_ros.training.config import RunDir
    from robo_dopamine_ros.training.stages import print_status

    learned = RunDir(path).learned
    if learned:
        print_status(f'`robo-dopamine train --resume {shlex.quote(str(path))}` goes on')
    return learned


def read_cell(config: str | None) -> 'Workplace | None':
    """Return where the cell of a parameter file, or a shipped one of that name, is."""
    if config is None:
        return None
    environment.activate()
    from robo_dopamine_ros.nodes.cell import find_config
    from robo_dopamine_ros.nodes.run_workplace import read_cell_workplace

    return read_cell_workplace(find_config(config))


def make_config(args: argparse.Namespace, saved: 'TrainConfig | None') -> 'TrainConfig':
    """Return the defaults, or the configuration of the resumed run, changed by the arguments."""
    from robo_dopamine_ros.policy.config import ALGORITHMS
    from robo_dopamine_ros.training.config import default_agent_config, default_train_config

    config = saved or default_train_config(args.algorithm or ALGORITHMS[0])
    names = ('seed', 'rollouts', 'interventions', 'reward', 'clearance', 'fusion', 'perspective')
    given: dict[str, Any] = {
        name: value for name in names if (value := getattr(args, name)) is not None
    }
    if args.policy_views:
        given['policy_views'] = tuple(args.policy_views)
    if args.model is not None:
        given['reward_model_dir'] = str(Path(args.model).resolve())  # for a resume from elsewhere
    if args.demonstrations is not None:
        text = args.demonstrations
        if text.isdecimal():
            given['demonstrations'] = int(text)
        else:
            given['demonstrations_dir'] = str(Path(text).resolve())
    if args.algorithm and args.algorithm != config.agent.algorithm:
        given['agent'] = default_agent_config(args.algorithm)
    online = {'updates_per_step': args.updates, 'pretraining_steps': args.pretraining}
    changed = {name: value for name, value in online.items() if value is not None}
    given['online'] = dataclasses.replace(config.online, **changed)
    return dataclasses.replace(config, **given)
