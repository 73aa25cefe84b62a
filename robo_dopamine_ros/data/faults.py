class EpisodeError(ValueError):
    """An episode on disk that cannot be used; the text names the file, the value and the cure."""


class EpisodeWarning(UserWarning):
    """Something about an episode that a person should know, though it can be used."""
