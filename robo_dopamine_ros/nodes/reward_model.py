"""Parameters of the model of the reward node, its loading and its adaptation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robo_dopamine_ros.grm.loading import ModelKind, kind_of
from robo_dopamine_ros.grm.protocol import GRM
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.ros.environment import shared_path

LOG_STEPS = 10  # log lines of a long load


@dataclass(frozen=True)
class RewardModelParameters:
    """Parameters of the reward model."""

    model: str = ''  # folder of the model or its name on the hub; empty: the small one shipped here
    engine: str = 'auto'  # runs the network: 'auto', 'onnx', 'tensorrt' or 'torch'
    threads: int = field(default=1, metadata={'range': (1, 64)})  # CPU threads of the model
    vlm: VlmSettings = field(default_factory=VlmSettings)

    @property
    def path(self) -> Path:
        """Folder of the configured model, or its name on the hub."""
        return Path(self.model) if self.model else shared_path('models/grm')


def load_model(
    folder: Path, p: RewardModelParameters, load: Callable[..., GRM], log: Callable[[str], Any]
) -> GRM:
    """Load a model with these parameters and log how far that is."""
    logged = -1

    def report(fraction: float, stage: str) -> None:
        nonlocal logged
        if (step := int(fraction * LOG_STEPS)) > logged:
            logged = step
            log(f'{stage}: {fraction:.0%}')

    return load(str(folder), p.engine, p.threads, p.vlm, report)


def base_arguments(p: RewardModelParameters) -> list[str]:
    """Options of `adapt` that continue from a vision-language model; none for a compact one."""
    if kind_of(p.path) is ModelKind.COMPACT:
        return []
    return ['--base', str(p.path), *(['--prompt', p.vlm.prompt] if p.vlm.prompt else [])]
