"""What the arm was told while an episode was recorded: `steps.npz` beside its pictures.

Frame t of the pictures is what was seen before step t; after the last step one more was taken.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from robo_dopamine_ros.data.faults import EpisodeError

NAME = 'steps.npz'


@dataclass(frozen=True, eq=False)
class Steps:
    """T steps and the T + 1 moments between them."""

    stamps: np.ndarray  # (T + 1,) int64 [ns]
    states: np.ndarray  # (T + 1, m) float32, proprioception
    twists: np.ndarray  # (T, 6) float32, sent [m/s, rad/s]
    grippers: np.ndarray  # (T,) float32, sent opening, 0 closed .. 1 open
    modes: np.ndarray  # (T,) int64, who was in charge (types.Mode)

    def __post_init__(self) -> None:
        count = len(self.twists)
        for name, length in (
            *(('stamps', count + 1), ('states', count + 1)),
            *(('grippers', count), ('modes', count)),
        ):
            if len(value := getattr(self, name)) != length:
                raise ValueError(f'{name} has {len(value)} rows for {count} steps; not {length}')

    def __len__(self) -> int:
        return len(self.twists)


def save_steps(steps: Steps, folder: Path) -> None:
    """Write the steps of an episode into its folder."""
    np.savez_compressed(folder / NAME, **{f.name: getattr(steps, f.name) for f in fields(steps)})


def find_steps(path: Path) -> list[Path]:
    """Episode folders with steps at or below a path, in order; hidden ones are being recorded."""
    found = (file.relative_to(path).parent for file in path.rglob(NAME))
    shown = (folder for folder in found if not any(p.startswith('.') for p in folder.parts))
    return sorted(path / folder for folder in shown)


def read_steps(folder: Path) -> Steps:
    """Read the steps of an episode; raises EpisodeError where there are none, or damaged ones."""
    path = folder / NAME
    if not path.is_file():
        raise EpisodeError(
            f'{path}: missing; pictures alone teach a reward model, not a policy: record the '
            'demonstration with `robo-dopamine record`'
        )
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Steps(**{field.name: kept[field.name] for field in fields(Steps)})
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise EpisodeError(f'{path}: damaged: {error}') from error
