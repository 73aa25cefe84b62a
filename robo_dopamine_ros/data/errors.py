class EpisodeError(ValueError):
    """An episode on disk is invalid; the text names the file, the value and what to do."""


class EpisodeWarning(UserWarning):
    """An episode on disk is incomplete but usable."""
