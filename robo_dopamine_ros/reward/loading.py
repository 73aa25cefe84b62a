"""Opening any reward model: a compact one, a published checkpoint, or one that was compiled."""

import json
from enum import Enum
from pathlib import Path

from robo_dopamine_ros.reward import compact
from robo_dopamine_ros.reward.compact.card import CARD
from robo_dopamine_ros.reward.grm import GRM, ModelError
from robo_dopamine_ros.reward.telling import Report, silent
from robo_dopamine_ros.reward.vlm.published.hub import NAME
from robo_dopamine_ros.reward.vlm.settings import COMPILED, VlmSettings


class Kind(Enum):
    """What a model is opened as."""

    COMPACT = 'compact'
    PUBLISHED = 'published'
    COMPILED = 'compiled'


def load(
    path: str | Path,
    engine: str = 'auto',
    threads: int = 1,
    vlm: VlmSettings | None = None,
    report: Report = silent,
) -> GRM:
    """Open a folder, or a name on the hub, as a GRM; ModelError naming what is wrong with it.

    `engine` is 'torch', 'onnx' or 'tensorrt'; 'auto' takes what is best of those that run here.
    `vlm` holds for vision-language models only. `report` is told how far reading or building is.
    """
    folder, kind = Path(path).expanduser(), kind_of(path)
    if kind is Kind.COMPACT:
        return compact.load(folder, engine, threads, report)
    # torch, which takes seconds
    from robo_dopamine_ros.reward.vlm.opening import open_compiled, open_published

    if kind is Kind.COMPILED:
        return open_compiled(folder, engine, threads, vlm or VlmSettings(), report)
    if engine not in ('auto', 'torch'):
        raise ModelError(
            f'{path} is a checkpoint, which engine {engine!r} does not run; '
            f'compile it with `robo-dopamine export {path} --out DIR`'
        )
    return open_published(path, vlm or VlmSettings(), report)


def kind_of(path: str | Path) -> Kind:
    """What is there, told by the files in a folder or by the form of a name on the hub."""
    folder = Path(path).expanduser()
    if not folder.exists():
        return Kind.PUBLISHED if NAME.fullmatch(str(path)) else Kind.COMPACT
    if (folder / CARD).exists():
        return Kind.COMPILED if _told(folder / CARD) == COMPILED else Kind.COMPACT
    return Kind.PUBLISHED if (folder / 'config.json').exists() else Kind.COMPACT


def _told(card: Path) -> str:
    """The kind a card names; empty where it is no card."""
    try:
        return str(json.loads(card.read_text(encoding='utf-8'))['kind'])
    except (OSError, ValueError, TypeError, KeyError):
        return ''
