"""What a person wishes of the gripper: nothing, until a button or an axis asks for something."""

MOVED = 0.05  # of the opening, from which an axis counts as moved


class Gripper:
    """Follows whichever of the button and the axis was touched last."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Wish for nothing, as when the dead-man is let go: the gripper stays as it is."""
        self._wish: float | None = None
        self._rest: float | None = None  # where the axis stood when something else counted [0..1]
        self._follows = False  # the axis

    def update(self, toggled: bool, opening: float | None, told: float) -> float:
        """The wished opening; `opening` is the axis's, `told` is what the gripper was told last.

        A trigger at rest must not open what a policy closed, so an axis counts once it moves.
        """
        if toggled:
            self._wish = 0.0 if (told if self._wish is None else self._wish) >= 0.5 else 1.0
            self._rest, self._follows = opening, False
        elif opening is not None:
            self._rest = opening if self._rest is None else self._rest
            self._follows = self._follows or abs(opening - self._rest) > MOVED
            self._wish = opening if self._follows else self._wish
        return told if self._wish is None else self._wish
