"""Where everything of a run lies, whoever practises: in one process or in a cell."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folder:
    """The folder of a run, as `robo-dopamine train` makes it."""

    path: Path

    @property
    def demonstrations(self) -> Path:
        """Episode folders, recorded before practice."""
        return self.path / 'demonstrations'

    @property
    def model(self) -> Path:
        """The reward model that was adapted to them, unless the plan names another."""
        return self.path / 'model'

    @property
    def store(self) -> Path:
        """Experience, which one process writes."""
        return self.path / 'experience.db'

    @property
    def checkpoint(self) -> Path:
        """Everything that learns, to go on from."""
        return self.path / 'checkpoint.safetensors'

    @property
    def weights(self) -> Path:
        """What acts, as it was published last."""
        return self.path / 'policy.safetensors'

    @property
    def curves(self) -> Path:
        """What TensorBoard shows."""
        return self.path / 'tensorboard'

    @property
    def log(self) -> Path:
        """One line for every rollout that was practised in process."""
        return self.path / 'rollouts.jsonl'
