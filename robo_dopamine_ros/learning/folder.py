"""Where everything of a run lies, whoever practises: in one process or in a cell."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folder:
    """The folder of a run, as `robo-dopamine train` makes it."""

    path: Path

    def lacks(self) -> str:
        """What practice cannot begin without and is not there, and the command that makes it."""
        needed = (self.plan, self.store, self.checkpoint)
        absent = ', '.join(path.name for path in needed if not path.is_file())
        way = '--resume' if self.plan.is_file() else '--out'
        command = f'robo-dopamine train --rollouts 0 {way} {shlex.quote(str(self.path))}'
        return f'{self.path}: without {absent} it is no run; `{command}` makes it' if absent else ''

    @property
    def plan(self) -> Path:
        """Everything that decides how the run goes."""
        return self.path / 'run.json'

    @property
    def demonstrations(self) -> Path:
        """Episode folders, recorded before practice."""
        return self.path / 'demonstrations'

    @property
    def episodes(self) -> Path:
        """Episode folders, recorded while it is practised in a cell."""
        return self.path / 'episodes'

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
