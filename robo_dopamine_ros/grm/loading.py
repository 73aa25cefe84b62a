"""Opening any reward model: a compact one, a published checkpoint, or a compiled one."""

import json
from enum import Enum
from pathlib import Path

from robo_dopamine_ros.grm.compact.loading import load_compact
from robo_dopamine_ros.grm.compact.model_card import CARD_FILE
from robo_dopamine_ros.grm.protocol import GRM, ModelError, ProgressCallback, ignore_progress
from robo_dopamine_ros.grm.vlm.published.hub import HUB_NAME
from robo_dopamine_ros.grm.vlm.settings import COMPILED_KIND, VlmSettings


class ModelKind(Enum):
    """Kinds of reward models."""

    COMPACT = 'compact'
    PUBLISHED = 'published'
    COMPILED = 'compiled'


def load(
    path: str | Path,
    engine: str = 'auto',
    threads: int = 1,
    vlm: VlmSettings | None = None,
    report: ProgressCallback = ignore_progress,
) -> GRM:
    """Open a model folder, or a name on the Hugging Face hub, as a GRM.

    `engine` is 'torch', 'onnx' or 'tensorrt'; 'auto' chooses the fastest that runs on this machine.
    `vlm` applies to vision-language models only. `report` gets how far reading or building is.
    Raises ModelError naming what is wrong.
    """
    folder, kind = Path(path).expanduser(), kind_of(path)
    if kind is ModelKind.COMPACT:
        return load_compact(folder, engine, threads, report)
    # imports torch, which takes seconds
    from robo_dopamine_ros.grm.vlm.loading import open_compiled, open_published

    if kind is ModelKind.COMPILED:
        return open_compiled(folder, engine, threads, vlm or VlmSettings(), report)
    if engine not in ('auto', 'torch'):
        raise ModelError(
            f'{path} is a checkpoint, which engine {engine!r} does not run; '
            f'compile it with `robo-dopamine export {path} --out DIR`'
        )
    return open_published(path, vlm or VlmSettings(), report)


def kind_of(path: str | Path) -> ModelKind:
    """The kind of model at `path`, by the files in the folder or by the form of a hub name."""
    folder = Path(path).expanduser()
    if not folder.exists():
        return ModelKind.PUBLISHED if HUB_NAME.fullmatch(str(path)) else ModelKind.COMPACT
    if (folder / CARD_FILE).exists():
        return (
            ModelKind.COMPILED
            if _card_kind(folder / CARD_FILE) == COMPILED_KIND
            else ModelKind.COMPACT
        )
    return ModelKind.PUBLISHED if (folder / 'config.json').exists() else ModelKind.COMPACT


def _card_kind(card: Path) -> str:
    """The kind that a card names; empty for a file that is no card."""
    try:
        return str(json.loads(card.read_text(encoding='utf-8'))['kind'])
    except (OSError, ValueError, TypeError, KeyError):
        return ''
