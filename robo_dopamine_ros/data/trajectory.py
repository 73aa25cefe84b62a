"""States and actions of a recorded episode: `steps.npz` beside its frames.

Frame t shows the views before step t; one more frame follows the last step.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.natural_order import natural

TRAJECTORY_FILE = 'steps.npz'


@dataclass(frozen=True, eq=False)
class Trajectory:
    """T steps and the T + 1 states around them."""

    stamps: np.ndarray  # (T + 1,) int64 [ns]
    states: np.ndarray  # (T + 1, m) float32, proprioception
    twists: np.ndarray  # (T, 6) float32, sent [m/s, rad/s]
    grippers: np.ndarray  # (T,) float32, sent opening, 0 closed .. 1 open
    modes: np.ndarray  # (T,) int64, active source (types.Mode)

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


def save_trajectory(trajectory: Trajectory, folder: Path) -> None:
    """Write a trajectory into the folder of its episode."""
    arrays = {f.name: getattr(trajectory, f.name) for f in fields(trajectory)}
    np.savez_compressed(folder / TRAJECTORY_FILE, **arrays)


def find_trajectories(path: Path) -> list[Path]:
    """Episode folders with a trajectory at or below a path, in the order of names and numbers.

    Hidden folders are skipped.
    """
    found = (file.relative_to(path).parent for file in path.rglob(TRAJECTORY_FILE))
    complete = (folder for folder in found if not any(p.startswith('.') for p in folder.parts))
    return natural(path / folder for folder in complete)


def load_trajectory(folder: Path) -> Trajectory:
    """Load the trajectory of an episode; raises EpisodeError if it is missing or damaged."""
    path = folder / TRAJECTORY_FILE
    if not path.is_file():
        raise EpisodeError(
            f'{path}: missing; images alone teach a reward model, not a policy: record the '
            'demonstration with `robo-dopamine record`'
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Trajectory(**{field.name: arrays[field.name] for field in fields(Trajectory)})
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise EpisodeError(f'{path}: damaged: {error}') from error
