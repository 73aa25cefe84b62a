"""One-shot adaptation of a published GRM (Sec 3.2 of the paper), from demonstration to checkpoint.

The loss is the cross-entropy of the answer tokens, as in the released trainer; Eq 12 of the paper
is the squared error of the hop.
"""

import gc
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from robo_dopamine_ros.grm.goal_images import GOAL_DIR, goal_views, write_goal_images
from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback, ignore_progress
from robo_dopamine_ros.grm.vlm.device import choose_device, choose_dtype, dtype_name
from robo_dopamine_ros.grm.vlm.finetune import dataset, output_dir, sampler
from robo_dopamine_ros.grm.vlm.finetune.checkpoint import LoraTrainState
from robo_dopamine_ros.grm.vlm.finetune.collate import TrainingExample, encode_prompt
from robo_dopamine_ros.grm.vlm.finetune.config import FinetuneConfig
from robo_dopamine_ros.grm.vlm.finetune.lora import add_adapter, train_adapter
from robo_dopamine_ros.grm.vlm.finetune.sampler import HopSample, HopSampling
from robo_dopamine_ros.grm.vlm.finetune.validation import HopValidation, answer_trie, validate
from robo_dopamine_ros.grm.vlm.finetune.vision_cache import TrainingVisionCache
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint, open_checkpoint
from robo_dopamine_ros.grm.vlm.published.weights import list_weight_files
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.prompt import Prompt
from robo_dopamine_ros.types import Recording

STATE_FILE, RESULT_DIR = 'state.safetensors', 'result'  # in the work directory


@dataclass(frozen=True)
class FinetuneJob:
    """Which model is adapted to which demonstrations, and how."""

    recordings: Sequence[Recording]
    base: str | Path  # checkpoint folder, or its name on the hub
    prompt: Prompt
    config: FinetuneConfig = FinetuneConfig()
    sampling: HopSampling = HopSampling()
    seed: int = 0
    device: str = 'auto'

    def __post_init__(self) -> None:
        for recording in self.recordings:
            dataset.require_instruction(recording)

    @property
    def dtype(self) -> str:
        """Precision of the training: bfloat16 or float32, because float16 would overflow."""
        default = dtype_name(choose_dtype('auto', choose_device(self.device)))
        return default if default == 'bfloat16' else 'float32'

    def sample_hops(self) -> tuple[list[HopSample], list[HopSample]]:
        """Hops for training and for validation; deterministic for the seed."""
        hops, config = sampler.sample_hops(self.recordings, self.sampling, self.seed), self.config
        count = min(config.max_validation, max(1, round(config.validation_share * len(hops))))
        return hops[count:], hops[:count]


@dataclass(frozen=True)
class FinetuneResult:
    """Validation of the model before and after."""

    before: HopValidation
    after: HopValidation

    def __str__(self) -> str:
        """One line for the terminal."""
        return f'{self.after.hops} hops held back: {self.before} before; {self.after} now'


def adapt(
    job: FinetuneJob, folder: Path, report: ProgressCallback = ignore_progress
) -> FinetuneResult:
    """Fine-tune a GRM and write the adapted checkpoint to `folder`; resumes an unfinished job.

    Raises ValueError for recordings without hops and for an unfinished job with other settings,
    ModelError for an unsuitable base, and for insufficient memory or disk space.
    """
    output_dir.refuse_used_dir(folder)
    work = folder / output_dir.WORK_DIR
    state = _train(job, work, report)
    report(0.93, 'checking')
    before = HopValidation(**state.metadata['before'])
    after = _validate_result(job, work / RESULT_DIR, report)
    card = {
        'kind': 'vlm-adaptation-1',
        'name': folder.name,
        'demonstrations': [recording.name for recording in job.recordings],
        'settings': state.settings,
        'before': asdict(before),
        'after': asdict(after),
        'losses': state.losses,
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + '\n'
    (work / RESULT_DIR / output_dir.CARD_FILE).write_text(text, encoding='utf-8')
    output_dir.move_into_place(work / RESULT_DIR, folder)
    report(1.0, 'done')
    return FinetuneResult(before, after)


def _train(job: FinetuneJob, work: Path, report: ProgressCallback) -> LoraTrainState:
    """Train, and write the merged checkpoint into the work directory."""
    training, validation = job.sample_hops()
    hops = validation + training
    checkpoint, cache = load_for_training(
        job, job.base, lambda share, what: report(0.0, f'{what} {share:.0%}')
    )
    state = LoraTrainState.open(work / STATE_FILE, job_settings(job, hops, checkpoint, cache))
    model, config = checkpoint.model, job.config
    adapter = add_adapter(model, config, job.seed)
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    files = sum(path.stat().st_size for path in list_weight_files(checkpoint.folder))
    state_size = 2 * 3 * 4 * trained  # float32 weights and two moments; both files while replacing
    output_dir.check_disk_space(work.parent, files + 4 * trained + state_size)
    encode_hop_images(cache, job, hops, lambda share: report(0.02 + 0.05 * share, 'pictures'))

    def report_loss(share: float, loss: float) -> None:
        report(0.1 + 0.8 * share, f'loss {loss:.3f}')

    with explain_training_memory(config):
        if 'before' not in state.metadata:
            report(0.07, 'asking before')
            state.metadata['before'] = asdict(_validate(job, validation, checkpoint, cache))
        examples = make_examples(job, training, checkpoint, cache)
        train_adapter(model, cache, examples, config, job.seed, state, report_loss)
    report(0.9, 'merging')
    result = work / RESULT_DIR
    shutil.rmtree(result, ignore_errors=True)
    output_dir.write_merged(checkpoint.folder, result, output_dir.adapter_deltas(model))
    adapter.save_pretrained(result / output_dir.ADAPTER_DIR)
    last = job.recordings[-1]
    write_goal_images(result / GOAL_DIR, goal_views(last), last.views)
    return state


def _validate_result(job: FinetuneJob, folder: Path, report: ProgressCallback) -> HopValidation:
    """Load the merged checkpoint and validate it."""
    gc.collect()
    torch.cuda.empty_cache()
    _, validation = job.sample_hops()
    checkpoint, cache = load_for_training(job, folder, ignore_progress)
    encode_hop_images(cache, job, validation, lambda share: report(0.93 + 0.03 * share, 'checking'))
    with explain_training_memory(job.config):
        return _validate(job, validation, checkpoint, cache)


def _validate(
    job: FinetuneJob,
    hops: list[HopSample],
    checkpoint: PublishedCheckpoint,
    cache: TrainingVisionCache,
) -> HopValidation:
    examples = make_examples(job, hops, checkpoint, cache)
    trie = answer_trie(checkpoint.tokenizer)
    return validate(checkpoint.model, cache, examples, trie, job.config.micro_batch)


def load_for_training(
    job: FinetuneJob, folder: str | Path, report: ProgressCallback
) -> tuple[PublishedCheckpoint, TrainingVisionCache]:
    """Load a checkpoint, and an empty image cache for the image size of the demonstrations."""
    checkpoint = open_checkpoint(folder, job.device, job.dtype, report)
    recording = job.recordings[0]
    first = recording.span[0]
    views = next(recording.play(start=first, stop=first + 1))
    rows, columns, _ = views.images[dataset.view_slots(recording)[0]].shape
    frozen = not job.config.train_merger
    return checkpoint, TrainingVisionCache(checkpoint, (rows, columns), frozen)


def encode_hop_images(
    cache: TrainingVisionCache,
    job: FinetuneJob,
    hops: Sequence[HopSample],
    report: Callable[[float], None],
) -> None:
    """Put the images of all these hops into the cache."""
    wanted = {image for hop in hops for image in dataset.hop_images(hop, job.recordings)}
    cache.encode(dataset.load_images(job.recordings, wanted), len(wanted), report)


def make_examples(
    job: FinetuneJob,
    hops: Sequence[HopSample],
    checkpoint: PublishedCheckpoint,
    cache: TrainingVisionCache,
) -> list[TrainingExample]:
    """Tokenise the prompts and answers of hops."""
    tokenizer = checkpoint.tokenizer
    end = AnswerTokens.of(tokenizer).end
    tasks = {dataset.require_instruction(recording) for recording in job.recordings}
    prompts = {task: encode_prompt(checkpoint, cache.shape, job.prompt, task) for task in tasks}
    return [
        TrainingExample(
            prompts[job.recordings[hop.episode].instruction],
            dataset.hop_images(hop, job.recordings),
            (*tokenizer.encode(sampler.answer_text(hop.label), add_special_tokens=False).ids, end),
            hop.label,
        )
        for hop in hops
    ]


def job_settings(
    job: FinetuneJob,
    hops: Sequence[HopSample],
    checkpoint: PublishedCheckpoint,
    cache: TrainingVisionCache,
) -> dict[str, Any]:
    """Everything that determines the trained weights, as JSON values."""
    weights = [(path.name, path.stat().st_size) for path in list_weight_files(checkpoint.folder)]
    return {
        'base': checkpoint.name,
        'base_files': digest(weights),
        'recordings': [[r.name, r.length, r.instruction] for r in job.recordings],
        'hops': digest(hops),
        'prompt': job.prompt.sha256[:16],
        'picture': [cache.shape.height, cache.shape.width],
        'precision': job.dtype,
        'seed': job.seed,
        'sampling': asdict(job.sampling),
        'tuning': job.config.training_settings(),
    }


def digest(value: object) -> str:
    """First 16 digits of the SHA-256 of a value with an exact `repr`."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


@contextmanager
def explain_training_memory(config: FinetuneConfig) -> Iterator[None]:
    """Turn running out of memory into a ModelError that says what takes less."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        micro = config.micro_batch
        remedies = [f'{micro // 2 or 1} hops at a time'] if micro > 1 else []
        remedies += [] if config.gradient_checkpointing else ['gradient checkpointing']
        remedies += ['a smaller base', 'a larger GPU']
        raise ModelError(
            f'out of memory with {micro} hops at a time; use {", or ".join(remedies)}; what '
            'was learned until the last save is kept, and neither of the first two changes it'
        ) from error
