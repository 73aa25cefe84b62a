"""Where a reward model is that a person names: a folder, or a name on the hub."""

from pathlib import Path

from robo_dopamine_ros.grm.vlm.published.hub import HUB_NAME


def model_path(model: str | Path) -> Path:
    """Return the absolute path of a model folder; a name on the hub (owner/model) stays as it is.

    `runs/my_task` is a folder where there is a folder `runs`, also if it is missing in it.
    """
    path = Path(model).expanduser()
    named = HUB_NAME.fullmatch(str(model)) and not path.exists() and not path.parent.is_dir()
    return path if named else path.resolve()


def existing_model(model: str | Path) -> Path:
    """Return the same; raises FileNotFoundError for a folder that is not there."""
    path = model_path(model)
    if path.is_absolute() and not path.is_dir():
        raise FileNotFoundError(2, 'no such model folder', str(model))
    return path
