"""Where a run belongs: to the simulation of `train`, or to one cell with its arm and frames. Pure.

A policy means something there only: the same action moves another arm elsewhere, and in another
frame the same observation is another place. A run keeps its workplace in `run.json`, an episode
that a recorder wrote keeps it in `recorded.json`; whatever works on them must be of the same one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from robo_dopamine_ros.data import json_file
from robo_dopamine_ros.data.episode_writer import RECORD_FILE
from robo_dopamine_ros.data.metadata import read_metadata

KINDS = ('', 'simulation', 'cell')  # empty: not known
SIMULATED_TASK = 'insert the square peg into the hole'  # of demonstrations without RECORD_FILE


class WorkplaceError(ValueError):
    """Something that belongs elsewhere; the text says what, where, and what would be right."""


@dataclass(frozen=True)
class Workplace:
    """Where steps are made; a field that is empty or None is not known, and fits any."""

    kind: str = ''  # simulation (that of `train`), or cell
    arm: str = ''  # how it is driven, as gate.driver.arm
    joints: tuple[str, ...] = ()  # names
    base_frame: str = ''  # of poses, twists and wrenches
    tool_frame: str = ''
    origin: tuple[float, ...] = ()  # centre of the workspace, base frame [m]
    tip_offset: float | None = None  # from the tool to the tip that works [m]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f'kind = {self.kind!r}; it must be simulation or cell')

    @classmethod
    def from_dict(cls, values: Any) -> 'Workplace':
        """Inverse of `asdict`, for files; ValueError unless it is one."""
        known = {field.name for field in fields(cls)}
        if not isinstance(values, Mapping) or not set(values) <= known:
            raise ValueError(f'workplace = {values!r:.80}; it must have {", ".join(sorted(known))}')
        lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})

    @classmethod
    def from_json(cls, text: str) -> 'Workplace':
        """Inverse of `to_json`; an empty text is an unknown workplace."""
        return cls.from_dict(json.loads(text) if text else {})

    def to_json(self) -> str:
        """Return it as a ROS parameter."""
        return json.dumps(asdict(self))

    @property
    def known(self) -> dict[str, Any]:
        """The fields that are known, by name."""
        return {key: value for key, value in vars(self).items() if value not in ('', (), None)}

    def differences(self, other: 'Workplace') -> list[str]:
        """Return the fields in which two workplaces differ, with both values."""
        theirs = other.known
        return [
            f'{name} is {_text(value)} there, {_text(theirs[name])} here'
            for name, value in self.known.items()
            if name in theirs and theirs[name] != value
        ]

    def __str__(self) -> str:
        if self.kind == 'simulation':
            return 'the simulation of `train`'
        of = ', '.join(f'{k} {_text(v)}' for k, v in self.known.items() if k != 'kind')
        place = 'a cell' if self.kind else 'nobody knows where'
        return f'{place} ({of})' if of else place


SIMULATION = Workplace('simulation', base_frame='base', origin=(0.5, 0.0, 0.08), tip_offset=0.045)


def check_workplace(what: str, there: Workplace, here: Workplace, advice: str) -> None:
    """Raise WorkplaceError unless `what`, which belongs `there`, may be used `here`."""
    if differences := there.differences(here):
        raise WorkplaceError(f'{what} belongs to {there}: {"; ".join(differences)}; {advice}')


def recorded_workplace(folder: Path) -> Workplace:
    """Return where an episode was recorded; unknown where its recorder did not write it.

    Raises EpisodeError for files that are damaged.
    """
    path = folder / RECORD_FILE
    if path.exists():
        recorded = json_file.read(path)
        return Workplace.from_dict(recorded.get('workplace') or {})
    simulated = read_metadata(folder).instruction == SIMULATED_TASK
    return SIMULATION if simulated else Workplace()


def common_workplace(folders: Sequence[Path]) -> Workplace:
    """Return the one workplace of episodes; WorkplaceError where they are of several.

    Its kind is not known unless that of every episode is.
    """
    common, unknown = Workplace(), False
    for folder in folders:
        found = recorded_workplace(folder)
        advice = f'train from the episodes of one place only, as those before {folder.name}'
        check_workplace(str(folder), found, common, advice)
        common = replace(common, **found.known)
        unknown |= not found.kind
    return replace(common, kind='') if unknown else common


def _text(value: Any) -> str:
    return ' '.join(map(str, value)) if isinstance(value, tuple) else str(value)
