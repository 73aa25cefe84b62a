"""The stages of `train` after its workshop stands: practice, measurement, conclusion."""

import json
import shlex
import sys
import time
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

from robo_dopamine_ros.cli import curve
from robo_dopamine_ros.cli.workshop import FIRST, Workshop
from robo_dopamine_ros.learning.logbook import Logbook
from robo_dopamine_ros.learning.trial import Told

EVERY = 5  # rollouts between checkpoints


def complete(workshop: Workshop, first: int, fresh: int, began: float) -> dict[str, Any]:
    """Practise what is left, publish, measure the start and the end, and leave the result."""
    logbook = Logbook(workshop.folder.curves)
    if logbook.reason:
        say(logbook.reason)
    practise(workshop, logbook, first, began)
    logbook.close()
    workshop.publish()
    result = measure(workshop, fresh)
    result['seconds'] = round(time.monotonic() - began, 1)
    conclude(workshop, result)
    return result


def prepare(workshop: Workshop, began: float) -> dict[str, Any]:
    """Leave all that live practice begins with, and say how."""
    pretrain(workshop)
    workshop.publish()
    workshop.save(seconds=time.monotonic() - began)
    folder = workshop.folder.path
    say(f'{folder}: demonstrations, reward model, experience.db, checkpoint, policy are ready')
    say(f'next: robo-dopamine up learn --run {shlex.quote(str(folder))}')
    return {
        'run': str(folder),
        'seed': workshop.plan.seed,
        'algorithm': workshop.plan.agent.algorithm,
        'demonstrations': len(workshop.demonstrations),
        'demonstrated_steps': workshop.pupil.memory.demonstrations,
        'updates': workshop.pupil.agent.updates,
        'policy_version': workshop.facts['version'],
        'seconds': round(time.monotonic() - began, 1),
    }


def pretrain(workshop: Workshop) -> None:
    """Learn from the demonstrations, unless that was done."""
    total = workshop.plan.practice.pretraining
    for _ in tqdm(workshop.pretraining(), total=total, desc='pretraining'):
        pass


def practise(workshop: Workshop, logbook: Logbook, first: int, began: float) -> None:
    """Pretrain, measure the start, and practise what is left to practise.

    Where practice went on elsewhere before, its start was not measured and is not told.
    """
    plan, done = workshop.plan, workshop.done
    if 'first' not in workshop.facts:
        pretrain(workshop)
        early = None
        if not workshop.pupil.memory.replay:
            early = share(
                list(progress(workshop.evaluate(first, True, FIRST), first, 'before practice'))
            )
        workshop.save(first=early, seconds=time.monotonic() - began)
    with tqdm(total=plan.rollouts, initial=len(done), desc='practice', unit='rollout') as shown:
        while len(done) < plan.rollouts:
            told = workshop.rollout()
            numbers = {'steps': told.steps, 'success': curve.rate(done), 'helped': told.helped}
            logbook.write(numbers | workshop.pupil.told, len(done))
            shown.set_postfix_str(f'success {curve.rate(done):.2f} {curve.line(done)}')
            shown.update()
            if len(done) % EVERY == 0 or len(done) == plan.rollouts:
                workshop.save(seconds=time.monotonic() - began)


def measure(workshop: Workshop, count: int) -> dict[str, Any]:
    """How good the policy is, alone: as deployed, and without noise."""
    done, plan = workshop.done, workshop.plan
    deployed = list(progress(workshop.evaluate(count, True), count, 'evaluation'))
    still = list(progress(workshop.evaluate(count, False), count, 'without noise'))
    judged = [*done, *deployed, *still]
    return {
        'seed': plan.seed,
        'algorithm': plan.agent.algorithm,
        'reward': plan.reward,
        'clearance': plan.clearance,
        'rollouts': len(done),
        'interventions': sum(one.helped > 0 for one in done),
        'intervened_steps': sum(one.helped for one in done),
        'practice_steps': sum(one.steps for one in done),
        'success_first20': workshop.facts['first'],
        'success_last20': curve.rate(done),
        'eval_episodes': count,
        'eval_success': share(deployed),
        'eval_interval': interval(sum(one.success for one in deployed), count),
        'eval_success_deterministic': share(still),
        'false_success_rate': false_rate(judged),
        'false_success_rate_evaluation': false_rate([*deployed, *still]),
        'proposed': sum(one.proposed for one in judged),
        'updates': workshop.pupil.agent.updates,
    }


def conclude(workshop: Workshop, result: dict[str, Any]) -> None:
    """Leave the numbers and the picture in the folder of the run."""
    folder = workshop.folder.path
    (folder / 'result.json').write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')
    title = f'{result["algorithm"]}, seed {result["seed"]}: {result["eval_success"]:.2f} of fresh'
    curve.draw(workshop.done, title, folder / 'curve.png')
    say(f'{folder}: result.json, curve.png, policy.safetensors, checkpoint, experience.db')


def share(told: list[Told]) -> float:
    """Of them that succeeded in truth."""
    return sum(one.success for one in told) / max(1, len(told))


def false_rate(told: list[Told]) -> float:
    """Of the proposals of success that were wrong; 0 without any."""
    proposed = [one for one in told if one.proposed]
    return sum(not one.success for one in proposed) / max(1, len(proposed))


def interval(hits: int, count: int, z: float = 1.96) -> list[float]:
    """Wilson's 95% interval of a rate."""
    if not count:
        return [0.0, 1.0]
    mean, wide = (hits + z * z / 2) / (count + z * z), z / (count + z * z)
    half = wide * (hits * (count - hits) / count + z * z / 4) ** 0.5
    return [round(max(0.0, mean - half), 3), round(min(1.0, mean + half), 3)]


def table(result: dict[str, Any]) -> str:
    """For people."""
    return '\n'.join(f'{name:32}{value}' for name, value in result.items())


def progress(told: Iterable[Told], count: int, what: str) -> Iterable[Told]:
    """Show a bar while they come."""
    return tqdm(told, total=count, desc=what, unit='episode')


def say(text: str) -> None:
    """Tell a person; stdout stays clean."""
    print(text, file=sys.stderr, flush=True)
