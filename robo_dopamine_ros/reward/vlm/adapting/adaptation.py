"""One-shot adaptation of a published GRM (Sec 3.2 of the paper), from demonstration to checkpoint.

The loss is the cross-entropy of the answer's tokens, as in the released trainer; the paper's Eq 12
writes the squared error of the hop.
"""

import gc
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from robo_dopamine_ros.reward.goal import GOAL, goal_of, write_goal
from robo_dopamine_ros.reward.telling import Report, silent
from robo_dopamine_ros.reward.vlm.adapting import delivery, merging
from robo_dopamine_ros.reward.vlm.adapting.classroom import (
    Wish,
    lessons,
    memory_told,
    open_model,
    settings,
    show,
)
from robo_dopamine_ros.reward.vlm.adapting.heldback import Check, answers, check
from robo_dopamine_ros.reward.vlm.adapting.hopdata import Hop, draw
from robo_dopamine_ros.reward.vlm.adapting.lora import Course, add_adapter, train
from robo_dopamine_ros.reward.vlm.adapting.tuning import Tuning
from robo_dopamine_ros.reward.vlm.published.weights import list_files

STATE, RESULT = 'state.safetensors', 'result'  # in the folder of an unfinished training


@dataclass(frozen=True)
class Outcome:
    """The same questions asked before and after."""

    before: Check
    after: Check

    def __str__(self) -> str:
        """One line for people."""
        return f'{self.after.hops} hops held back: {self.before} before; {self.after} now'


def adapt(wish: Wish, folder: Path, report: Report = silent) -> Outcome:
    """Teach a GRM and write it to a folder; an unfinished one goes on from where it was left.

    Raises ValueError for recordings that cannot teach and for an unfinished training with other
    settings, ModelError for a base that does not fit, memory or disk that do not suffice.
    """
    delivery.refuse_used(folder)
    work = folder / delivery.WORK
    course = _teach(wish, work, report)
    report(0.93, 'checking')
    before, after = Check(**course.notes['before']), _examine(wish, work / RESULT, report)
    card = {
        'kind': 'vlm-adaptation-1',
        'name': folder.name,
        'demonstrations': [recording.name for recording in wish.recordings],
        'settings': course.settings,
        'before': asdict(before),
        'after': asdict(after),
        'losses': course.losses,
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + '\n'
    (work / RESULT / delivery.CARD).write_text(text, encoding='utf-8')
    delivery.put_in_place(work / RESULT, folder)
    report(1.0, 'done')
    return Outcome(before, after)


def split(hops: Sequence[Hop], tuning: Tuning) -> tuple[Sequence[Hop], Sequence[Hop]]:
    """Hops to teach, and hops to judge by; they come in random order."""
    count = min(tuning.most_held, max(1, round(tuning.held * len(hops))))
    return hops[count:], hops[:count]


def _teach(wish: Wish, work: Path, report: Report) -> Course:
    """Train, and write the result beside the state of the training."""
    hops = draw(wish.recordings, wish.sampling, wish.seed)
    taught, held = split(hops, wish.tuning)
    checkpoint, album = open_model(
        wish, wish.base, lambda share, what: report(0.0, f'{what} {share:.0%}')
    )
    course = Course.open(work / STATE, settings(wish, hops, checkpoint, album))
    model, tuning = checkpoint.model, wish.tuning
    adapter = add_adapter(model, tuning, wish.seed)
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    files = sum(path.stat().st_size for path in list_files(checkpoint.folder))
    delivery.check_room(work.parent, files + 7 * 4 * trained)  # the adapter, and its state twice
    show(album, wish, hops, lambda share: report(0.02 + 0.05 * share, 'pictures'))

    def tell(share: float, loss: float) -> None:
        report(0.1 + 0.8 * share, f'loss {loss:.3f}')

    with memory_told(tuning):
        if 'before' not in course.notes:
            report(0.07, 'asking before')
            asked, tree = lessons(wish, held, checkpoint, album), answers(checkpoint.tokenizer)
            course.notes['before'] = asdict(check(model, album, asked, tree, tuning.micro))
        train(model, album, lessons(wish, taught, checkpoint, album), tuning, wish.seed, course,
              tell)  # fmt: skip
    report(0.9, 'merging')
    result = work / RESULT
    shutil.rmtree(result, ignore_errors=True)
    merging.merge(checkpoint.folder, result, merging.deltas(model))
    adapter.save_pretrained(result / delivery.ADAPTER)
    last = wish.recordings[-1]
    write_goal(result / GOAL, goal_of(last), last.views)
    return course


def _examine(wish: Wish, folder: Path, report: Report) -> Check:
    """Ask the model that was written, opened anew."""
    gc.collect()
    torch.cuda.empty_cache()
    _, held = split(draw(wish.recordings, wish.sampling, wish.seed), wish.tuning)
    checkpoint, album = open_model(wish, folder, silent)
    show(album, wish, held, lambda share: report(0.93 + 0.03 * share, 'checking'))
    with memory_told(wish.tuning):
        asked, tree = lessons(wish, held, checkpoint, album), answers(checkpoint.tokenizer)
        return check(checkpoint.model, album, asked, tree, wish.tuning.micro)
