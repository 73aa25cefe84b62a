"""What an adaptation needs at hand: the model, its pictures, and lessons made of hops."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report
from robo_dopamine_ros.reward.vlm.adapting.album import Album
from robo_dopamine_ros.reward.vlm.adapting.hopdata import Hop, Sampling, answer
from robo_dopamine_ros.reward.vlm.adapting.hopfiles import footage, pictures, seats, task_of
from robo_dopamine_ros.reward.vlm.adapting.lessons import Lesson, ask
from robo_dopamine_ros.reward.vlm.adapting.tuning import Tuning
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint, open_checkpoint
from robo_dopamine_ros.reward.vlm.published.place import choose_device, choose_dtype, name_of
from robo_dopamine_ros.reward.vlm.published.weights import list_files
from robo_dopamine_ros.reward.vlm.query.prompt import Prompt
from robo_dopamine_ros.reward.vlm.query.words import AnswerTokens
from robo_dopamine_ros.types import Recording


@dataclass(frozen=True)
class Wish:
    """What is to be taught to which model, and how."""

    recordings: Sequence[Recording]
    base: str | Path  # checkpoint folder, or its name on the hub
    prompt: Prompt  # how the model is asked
    tuning: Tuning = Tuning()
    sampling: Sampling = Sampling()
    seed: int = 0
    device: str = 'auto'

    def __post_init__(self) -> None:
        for recording in self.recordings:
            task_of(recording)

    @property
    def dtype(self) -> str:
        """Precision to train in: float16 overflows where bfloat16 and float32 do not."""
        usual = name_of(choose_dtype('auto', choose_device(self.device)))
        return usual if usual == 'bfloat16' else 'float32'


def open_model(wish: Wish, folder: str | Path, report: Report) -> tuple[Checkpoint, Album]:
    """A checkpoint, and an album for pictures as the demonstrations have them."""
    checkpoint = open_checkpoint(folder, wish.device, wish.dtype, report)
    recording = wish.recordings[0]
    first = recording.span[0]
    views = next(recording.play(start=first, stop=first + 1))
    rows, columns, _ = views.images[seats(recording)[0]].shape
    return checkpoint, Album(checkpoint, (rows, columns), frozen=not wish.tuning.merger)


def show(album: Album, wish: Wish, hops: Sequence[Hop], report: Callable[[float], None]) -> None:
    """Put the pictures of all these hops into an album."""
    wanted = {picture for hop in hops for picture in pictures(hop, wish.recordings)}
    album.fill(footage(wish.recordings, wanted), len(wanted), report)


def lessons(wish: Wish, hops: Sequence[Hop], checkpoint: Checkpoint, album: Album) -> list[Lesson]:
    """Hops as questions and answers in tokens."""
    tokenizer = checkpoint.tokenizer
    end = AnswerTokens.of(tokenizer).end
    tasks = {task_of(recording) for recording in wish.recordings}
    questions = {task: ask(checkpoint, album.shape, wish.prompt, task) for task in tasks}
    return [
        Lesson(
            questions[wish.recordings[hop.episode].instruction],
            pictures(hop, wish.recordings),
            (*tokenizer.encode(answer(hop.label), add_special_tokens=False).ids, end),
            hop.label,
        )
        for hop in hops
    ]


def settings(
    wish: Wish, hops: Sequence[Hop], checkpoint: Checkpoint, album: Album
) -> dict[str, Any]:
    """All that decides what is learned, as JSON knows it."""
    weights = [(path.name, path.stat().st_size) for path in list_files(checkpoint.folder)]
    return {
        'base': checkpoint.name,
        'base_files': digest(weights),
        'recordings': [[r.name, r.length, r.instruction] for r in wish.recordings],
        'hops': digest(hops),
        'prompt': wish.prompt.sha256[:16],
        'picture': [album.shape.height, album.shape.width],
        'precision': wish.dtype,
        'seed': wish.seed,
        'sampling': asdict(wish.sampling),
        'tuning': wish.tuning.teaching(),
    }


def digest(value: object) -> str:
    """Fingerprint of values that print exactly."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


@contextmanager
def memory_told(tuning: Tuning) -> Iterator[None]:
    """Turn running out of memory into a ModelError that says what takes less."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        cures = [f'{tuning.micro // 2 or 1} hops at a time'] if tuning.micro > 1 else []
        cures += [] if tuning.checkpointing else ['gradient checkpointing']
        cures += ['a smaller base', 'a larger GPU']
        raise ModelError(
            f'out of memory with {tuning.micro} hops at a time; use {", or ".join(cures)}; what '
            'was learned until the last save is kept, and neither of the first two changes it'
        ) from error
