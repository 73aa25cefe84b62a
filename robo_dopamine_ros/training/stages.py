"""The stages of `train` on an opened run: pretraining, online training, evaluation, results.

The results are metrics, `result.json` and a plot of the success rate.
"""

import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from robo_dopamine_ros.learning.tensorboard import TensorBoardWriter
from robo_dopamine_ros.training.online_trainer import EpisodeResult
from robo_dopamine_ros.training.run import EVAL_BEFORE_SEEDS, TrainingRun

ROLLOUTS_PER_CHECKPOINT = 5
RESULT_FILE = 'result.json'
SPARKLINE_BLOCKS = ' ▁▂▃▄▅▆▇█'
WINDOW = 20  # rollouts


def train(run: TrainingRun, eval_before: int, eval_after: int, start: float) -> dict[str, Any]:
    """Run what is left of online training, publish the policy, evaluate it, write the results.

    `eval_before` and `eval_after` are numbers of episodes; `start` is steady time [s]. A run whose
    results are those of its policy is not evaluated again.
    """
    if result := finished_result(run, eval_after):
        more = f'--rollouts {len(run.results) + 1} or more goes on'
        print_status(f'{run.run_dir.path} is finished, as result.json says; {more}')
        return result
    tensorboard = TensorBoardWriter.open(run.run_dir.tensorboard)
    if tensorboard.reason:
        print_status(tensorboard.reason)
    train_online(run, tensorboard, eval_before, start)
    tensorboard.close()
    run.publish()
    result = evaluate_policy(run, eval_after)
    result['seconds'] = round(time.monotonic() - start, 1)
    write_results(run, result)
    return result


def finished_result(run: TrainingRun, eval_after: int) -> dict[str, Any]:
    """Return the results of a run that has nothing left to do; empty for any other."""
    try:
        result = json.loads((run.run_dir.path / RESULT_FILE).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    done = {
        'rollouts': len(run.results),
        'updates': run.trainer.agent.updates,
        'eval_episodes': eval_after,
    }
    same = isinstance(result, dict) and all(result.get(key) == done[key] for key in done)
    return result if same and len(run.results) >= run.config.rollouts else {}


def prepare(run: TrainingRun, start: float) -> dict[str, Any]:
    """Pretrain, publish and save all that a live cell needs; returns a summary."""
    pretrain(run)
    run.publish()
    run.save(seconds=time.monotonic() - start)
    path = run.run_dir.path
    print_status(
        f'{path}: demonstrations, reward model, experience.db, checkpoint, policy are ready'
    )
    cell = 'learn' if run.config.workplace.kind == 'simulation' else 'CELL'
    print_status(f'next: robo-dopamine up {cell} --run {shlex.quote(str(path))}')
    return {
        'run': str(path),
        'seed': run.config.seed,
        'algorithm': run.config.agent.algorithm,
        'demonstrations': len(run.demonstrations),
        'demonstrated_steps': run.trainer.replay_buffer.demonstrations,
        'updates': run.trainer.agent.updates,
        'policy_version': run.metadata['version'],
        'seconds': round(time.monotonic() - start, 1),
    }


def pretrain(run: TrainingRun) -> None:
    """Train on the demonstrations, unless that was done."""
    steps = run.config.online.pretraining_steps
    for _ in tqdm(run.trainer.pretrain(steps), total=steps, desc='pretraining'):
        pass


def train_online(
    run: TrainingRun, tensorboard: TensorBoardWriter, eval_before: int, start: float
) -> None:
    """Pretrain, evaluate the pretrained policy, and run the rollouts that are left.

    The evaluation is left out (None) where a live cell already added rollouts to the database.
    """
    rollouts, results = run.config.rollouts, run.results
    if 'first' not in run.metadata:
        pretrain(run)
        before = None
        if not run.trainer.replay_buffer.replay:
            episodes = run.evaluate(eval_before, True, EVAL_BEFORE_SEEDS)
            before = success_rate(list(tqdm(episodes, 'before training', eval_before)))
        run.save(first=before, seconds=time.monotonic() - start)
    with tqdm(total=rollouts, initial=len(results), desc='training', unit='rollout') as bar:
        while len(results) < rollouts:
            result = run.rollout()
            recent = recent_success_rate(results)
            scalars = {
                'steps': result.steps,
                'success': recent,
                'helped': result.intervention_steps,
            }
            tensorboard.add_scalars(scalars | run.trainer.metrics, len(results))
            bar.set_postfix_str(f'success {recent:.2f} {sparkline(results)}')
            bar.update()
            if len(results) % ROLLOUTS_PER_CHECKPOINT == 0 or len(results) == rollouts:
                run.save(seconds=time.monotonic() - start)


def evaluate_policy(run: TrainingRun, count: int) -> dict[str, Any]:
    """Evaluate the policy with exploration noise, as deployed, and without; returns the metrics."""
    results, config = run.results, run.config
    deployed = list(tqdm(run.evaluate(count, True), 'evaluation', count))
    noiseless = list(tqdm(run.evaluate(count, False), 'without noise', count))
    everything = [*results, *deployed, *noiseless]
    return {
        'seed': config.seed,
        'algorithm': config.agent.algorithm,
        'reward': config.reward,
        'clearance': config.clearance,
        'rollouts': len(results),
        'interventions': sum(one.intervention_steps > 0 for one in results),
        'intervened_steps': sum(one.intervention_steps for one in results),
        'practice_steps': sum(one.steps for one in results),
        'success_first20': run.metadata['first'],
        'success_last20': recent_success_rate(results),
        'eval_episodes': count,
        'eval_success': success_rate(deployed),
        'eval_interval': wilson_interval(sum(one.success for one in deployed), count),
        'eval_success_deterministic': success_rate(noiseless),
        'false_success_rate': false_success_rate(everything),
        'false_success_rate_evaluation': false_success_rate([*deployed, *noiseless]),
        'proposed': sum(one.predicted_success for one in everything),
        'updates': run.trainer.agent.updates,
    }


def write_results(run: TrainingRun, result: dict[str, Any]) -> None:
    """Write `result.json` and `curve.png` into the run directory."""
    path = run.run_dir.path
    (path / RESULT_FILE).write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')
    title = f'{result["algorithm"]}, seed {result["seed"]}: evaluation {result["eval_success"]:.2f}'
    plot_success(run.results, title, path / 'curve.png')
    print_status(f'{path}: result.json, curve.png, policy.safetensors, checkpoint, experience.db')


def success_rate(results: Sequence[EpisodeResult]) -> float:
    """Share of the episodes that succeeded by ground truth."""
    return sum(one.success for one in results) / max(1, len(results))


def false_success_rate(results: Sequence[EpisodeResult]) -> float:
    """Share of the predicted successes that were wrong; 0 without any."""
    predicted = [one for one in results if one.predicted_success]
    return sum(not one.success for one in predicted) / max(1, len(predicted))


def wilson_interval(successes: int, count: int, z: float = 1.96) -> list[float]:
    """Wilson's score interval of a rate, 95% for the default `z`."""
    if not count:
        return [0.0, 1.0]
    mean, wide = (successes + z * z / 2) / (count + z * z), z / (count + z * z)
    half = wide * (successes * (count - successes) / count + z * z / 4) ** 0.5
    return [round(max(0.0, mean - half), 3), round(min(1.0, mean + half), 3)]


def format_result(result: dict[str, Any]) -> str:
    """Format the metrics as lines of name and value."""
    return '\n'.join(f'{name:32}{value}' for name, value in result.items())


def print_status(text: str) -> None:
    """Print to stderr; stdout is for results."""
    print(text, file=sys.stderr, flush=True)


def autonomous_success(results: Sequence[EpisodeResult]) -> np.ndarray:
    """Return 1 for each rollout (n,) that succeeded without an intervention, else 0."""
    return np.array([float(one.success and not one.intervention_steps) for one in results])


def recent_success_rate(results: Sequence[EpisodeResult]) -> float:
    """Share of the last 20 rollouts that succeeded without an intervention; 0 before the first."""
    return float(autonomous_success(results[-WINDOW:]).mean()) if results else 0.0


def sparkline(results: Sequence[EpisodeResult], width: int = 24) -> str:
    """Success so far in `width` characters or fewer, each the mean of some rollouts."""
    parts = np.array_split(autonomous_success(results), min(width, max(1, len(results))))
    return ''.join(
        SPARKLINE_BLOCKS[round(float(part.mean()) * (len(SPARKLINE_BLOCKS) - 1))]
        for part in parts
        if len(part)
    )


def plot_success(results: Sequence[EpisodeResult], title: str, path: Path) -> None:
    """Write a plot (PNG) of the success rate over the last 20 rollouts, with the interventions."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(
        xlabel='rollout', ylabel='success without intervention', title=title, ylim=(-0.03, 1.03)
    )
    numbers = np.arange(1, len(results) + 1)
    mean = [recent_success_rate(results[:n]) for n in range(1, len(results) + 1)]
    axes.plot(numbers, mean, color='tab:blue', label=f'mean of {WINDOW}')
    axes.plot(numbers, autonomous_success(results), '.', color='tab:blue', alpha=0.3)
    for one, number in zip(results, numbers, strict=True):
        if one.intervention_steps:
            axes.axvspan(number - 0.5, number + 0.5, color='tab:orange', alpha=0.25, lw=0)
    axes.axhline(0.95, color='grey', lw=0.8, ls=':')
    axes.plot([], [], color='tab:orange', alpha=0.4, lw=6, label='with intervention')
    axes.legend(loc='lower right', frameon=False)
    figure.savefig(path, dpi=150)
