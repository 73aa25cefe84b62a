"""The verb `train`: one demonstration, practice under the reward model, a policy that succeeds."""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from robo_dopamine_ros.cli.bars import bar
from robo_dopamine_ros.cli.reporting import make_folder

if TYPE_CHECKING:
    from robo_dopamine_ros.learning.plan import Plan

HELP = 'learn a task from one demonstration and practice'
EXAMPLES = """\
examples:
  robo-dopamine train                                   record, adapt, practise, evaluate
  robo-dopamine train --seed 1 --json
  robo-dopamine train --resume runs/train/20260102-030405-insertion
  robo-dopamine train --demonstrations runs/demos --clearance 0.001
  robo-dopamine train --rollouts 0 --out runs/live      prepare; then up learn --run runs/live
"""
REWARDS = ('shaped', 'sparse', 'absolute', 'scaled')
ALGORITHMS = ('calql', 'conrft', 'sac')  # the first is the default
PERSPECTIVES = ('incremental', 'forward', 'backward')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes; what is not given is default, or that of the run resumed."""
    add = parser.add_argument
    add('--out', metavar='DIR', type=Path, help='folder of the run (default: runs/train/..)')
    add('--resume', metavar='RUN_DIR', type=Path, help='go on where a run stopped')
    add('--seed', type=int, help='of everything drawn (default: 0)')
    add('--rollouts', type=int, metavar='N', help='of practice; 0 only prepares (default: 120)')
    add('--algorithm', choices=ALGORITHMS, help=f'default: {ALGORITHMS[0]}')
    add('--reward', choices=REWARDS, help='shaped by progress, and others to compare with')
    add('--clearance', type=float, metavar='M', help='of the hole (default: 0.002)')
    add(
        '--demonstrations',
        metavar='N_OR_DIR',
        help='how many to record, or a folder of recorded ones (default: 1)',
    )
    add('--model', metavar='MODEL_DIR', help='an adapted reward model (default: adapt the shipped)')
    add('--sees', metavar='VIEW', nargs='+', help='views the policy has (default: the wrists)')
    add('--fusion', choices=('mean', 'consistency'), help='of progress (default: mean)')
    add('--perspective', choices=PERSPECTIVES, help='the only one that counts as potential')
    add('--interventions', type=int, metavar='N', help='first rollouts with help (default: 15)')
    add('--updates', type=int, metavar='N', help='gradient steps for one step (default: 8)')
    add('--pretraining', type=int, metavar='N', help='gradient steps before (default: 300)')
    add('--evaluation', type=int, default=50, metavar='N', help='fresh episodes (default: 50)')
    add('--first', type=int, default=20, metavar='N', help='episodes before practice (default: 20)')
    add('--json', action='store_true', help='end with one JSON object on stdout')


def run(args: argparse.Namespace) -> int:
    """Do all of it, or what is left of it."""
    from robo_dopamine_ros.cli.training import complete, prepare, say, table
    from robo_dopamine_ros.cli.workshop import Workshop
    from robo_dopamine_ros.learning.plan import read_plan, write_plan
    from robo_dopamine_ros.learning.tensors import use_threads

    use_threads(1)
    began = time.monotonic()
    kept = read_plan(args.resume) if args.resume else None
    plan = make_plan(args, kept)
    if kept:
        folder = args.resume
        refuse_other(folder, kept, plan)
    else:
        folder = make_folder(args.out, 'train', 'insertion')
    write_plan(plan, folder)
    say(f'{folder}: seed {plan.seed}, {plan.agent.algorithm}, reward {plan.reward}')
    with bar() as show, Workshop(folder, plan, show) as workshop:
        began -= workshop.facts.get('seconds', 0.0)
        if plan.rollouts:
            result = complete(workshop, args.first, args.evaluation, began)
        else:
            result = prepare(workshop, began)
    print(json.dumps(result) if args.json else table(result))
    return 0


def make_plan(args: argparse.Namespace, kept: 'Plan | None') -> 'Plan':
    """The defaults, or the plan of the run resumed, and over it what was given."""
    from robo_dopamine_ros.learning.plan import agent_of, default_plan

    plan = kept or default_plan(args.algorithm or ALGORITHMS[0])
    names = ('seed', 'rollouts', 'interventions', 'reward', 'clearance', 'fusion', 'perspective')
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    if args.sees:
        given['sees'] = tuple(args.sees)
    if args.model is not None:
        given['model'] = str(Path(args.model).resolve())  # whoever reads it may stand elsewhere
    if args.demonstrations is not None:
        word = args.demonstrations
        whole = str(Path(word).resolve())
        given |= {'demonstrations': int(word)} if word.isdecimal() else {'given': whole}
    if args.algorithm and args.algorithm != plan.agent.algorithm:
        given['agent'] = agent_of(args.algorithm)
    learned = {n: v for n in ('updates', 'pretraining') if (v := getattr(args, n)) is not None}
    given['practice'] = dataclasses.replace(plan.practice, **learned)
    return dataclasses.replace(plan, **given)


def refuse_other(folder: Path, kept: 'Plan', plan: 'Plan') -> None:
    """Raise CheckpointError naming what differs from the run that is resumed."""
    from robo_dopamine_ros.learning.checkpoint import CheckpointError, differences

    if changes := list(differences(kept.configuration, plan.configuration)):
        raise CheckpointError(f'{folder}: of another configuration: {"; ".join(changes)}')
