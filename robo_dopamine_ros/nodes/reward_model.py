"""Which model the reward node uses, how it is opened, and what adapts it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robo_dopamine_ros.reward.grm import GRM
from robo_dopamine_ros.reward.loading import Kind, kind_of
from robo_dopamine_ros.reward.vlm.settings import VlmSettings
from robo_dopamine_ros.ros.adaptation import Command
from robo_dopamine_ros.ros.environment import shared

STEPS = 10  # in which long work is logged


@dataclass(frozen=True)
class ModelParameters:
    """What the reward node judges with."""

    model: str = ''  # folder of the model or its name on the hub; empty: the small one shipped
    engine: str = 'auto'  # what runs it: 'auto', 'onnx', 'tensorrt' or 'torch'
    threads: int = field(default=1, metadata={'range': (1, 64)})  # of the processor, for the model
    vlm: VlmSettings = field(default_factory=VlmSettings)


def folder_of(parameters: ModelParameters) -> Path:
    """Where the chosen model is, or its name on the hub."""
    return Path(parameters.model) if parameters.model else shared('models/grm')


class RewardModel:
    """Opens the model that was chosen, or one that was adapted from it."""

    def __init__(
        self,
        parameters: ModelParameters,
        load: Callable[..., GRM],
        adapt: Command,
        log: Callable[[str], Any],
    ) -> None:
        """`load` opens a model as reward/loading.py does; `adapt` names the training."""
        self._parameters, self._load, self._adapt, self._log = parameters, load, adapt, log

    def folder(self) -> Path:
        """Where the chosen model is, or its name on the hub."""
        return folder_of(self._parameters)

    def open(self, folder: Path) -> GRM:
        """Open a model; how far reading or building is goes to the log."""
        p, told = self._parameters, -1

        def report(share: float, what: str) -> None:
            nonlocal told
            if (step := int(share * STEPS)) > told:
                told = step
                self._log(f'{what}: {share:.0%}')

        return self._load(str(folder), p.engine, p.threads, p.vlm, report)

    def training(self, demonstration: Path, model: Path, seed: int) -> list[str]:
        """Give the command that adapts: a small model from scratch, or the large one in use."""
        command, chosen = list(self._adapt(demonstration, model, seed)), self.folder()
        if kind_of(chosen) is Kind.COMPACT:
            return command
        prompt = self._parameters.vlm.prompt
        return [*command, '--base', str(chosen), *(['--prompt', prompt] if prompt else [])]
