"""Graded rollouts of the scripted operator with their pictures and true progress."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from robo_dopamine_ros.sim import truth
from robo_dopamine_ros.sim.cameras import Cameras
from robo_dopamine_ros.sim.operator import Hand, Operator, sight
from robo_dopamine_ros.sim.plans import generator, plan
from robo_dopamine_ros.sim.scene import Workpiece
from robo_dopamine_ros.sim.variation import Looks, Starts
from robo_dopamine_ros.sim.world import RATE, World
from robo_dopamine_ros.types import SECOND, VIEWS, Outcome, Recording, Views

INSTRUCTION = 'insert the square peg into the hole'
LONGEST = 200  # steps
Images = dict[str, np.ndarray]


@dataclass(frozen=True)
class Rollout:
    """One rollout as arrays; row t is what was true and seen at step t."""

    images: Images  # view name -> (T, H, W, 3) uint8 RGB
    progress: np.ndarray  # (T,) true, 0..1
    offsets: np.ndarray  # (T, 3) peg tip in the hole's frame [m]
    contact: np.ndarray  # (T,) force on the peg [N]
    grade: str  # success, partial or failure


class Studio:
    """A world and its cameras, kept for many rollouts; use it in one thread, as a context."""

    def __init__(
        self,
        size: tuple[int, int] = (160, 120),
        piece: Workpiece | None = None,
        starts: Starts | None = None,
        hand: Hand | None = None,
        fine: int = 2,
    ):
        """Size is (width, height) in pixels; for `fine` see Cameras."""
        self.world = World(piece)
        self._starts, self._hand = starts, hand
        self._cameras = Cameras(self.world.model, size, fine=fine)

    def __enter__(self) -> 'Studio':
        return self

    def __exit__(self, *_: object) -> None:
        self._cameras.close()

    def rollout(
        self, style: str, seed: int, looks: Looks | None = None, pictures: bool = True
    ) -> Rollout:
        """One rollout; the same style, seed and looks give the same one, picture by picture."""
        rng = generator(style, seed)
        operator = Operator(plan(style, rng), rng, self._hand)
        world, frames, rows = self.world, [], []
        world.reset(rng, self._starts, looks)
        while True:
            frames.append(self._cameras.draw(world.data) if pictures else {})
            rows.append((world.offset, world.contact))
            if operator.done or len(rows) == LONGEST:
                break
            world.act(operator.act(sight(world)))
        images = {view: np.stack([frame[view] for frame in frames]) for view in frames[0]}
        offsets, contact = (np.array(column) for column in zip(*rows, strict=True))
        values = truth.progress(offsets, world.piece.hole)
        return Rollout(images, values, offsets, contact, world.grade)

    def recording(self, style: str, seed: int, looks: Looks | None = None) -> Recording:
        """An episode that is drawn again each time it plays, and so needs no memory."""
        told = self.rollout(style, seed, looks, pictures=False)
        return _episode(told, f'{style}_{seed}', lambda: self.rollout(style, seed, looks).images)


def recording(rollout: Rollout, name: str) -> Recording:
    """A rollout as an episode that can be played."""
    return _episode(rollout, name, lambda: rollout.images)


def _episode(rollout: Rollout, name: str, draw: Callable[[], Images]) -> Recording:
    length = len(rollout.progress)

    def play(
        size: tuple[int, int] | None = None,
        stride: int = 1,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[Views]:
        images = draw()
        for step in range(length)[start:stop:stride]:
            pictures = {view: frames[step] for view, frames in images.items()}
            if size is not None:
                pictures = {
                    view: cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
                    for view, picture in pictures.items()
                }
            yield Views(pictures, dict.fromkeys(pictures, round(step * SECOND / RATE)))

    return Recording(
        name=name, rate=RATE, length=length, views=VIEWS, play=play, span=(0, length - 1),
        progress=rollout.progress, instruction=INSTRUCTION, grade=rollout.grade,
        outcome=Outcome.SUCCESS if rollout.grade == truth.SUCCESS else Outcome.FAILURE,
    )  # fmt: skip


def rollouts(
    wanted: Iterable[tuple[str, int]],
    size: tuple[int, int] = (160, 120),
    looks: Looks | None = None,
    piece: Workpiece | None = None,
) -> Iterator[Rollout]:
    """One rollout for every (style, seed), drawn as asked for; `looks` None: the plain look."""
    with Studio(size, piece) as studio:
        for style, seed in wanted:
            yield studio.rollout(style, seed, looks)


def recordings(
    wanted: Iterable[tuple[str, int]],
    size: tuple[int, int] = (160, 120),
    looks: Looks | None = None,
    piece: Workpiece | None = None,
) -> Iterator[Recording]:
    """The same as episodes, named by style and seed."""
    pairs = list(wanted)
    for (style, seed), one in zip(pairs, rollouts(pairs, size, looks, piece), strict=True):
        yield recording(one, f'{style}_{seed}')


def rollout(
    style: str, seed: int, size: tuple[int, int] = (160, 120), randomise: bool = True
) -> Recording:
    """One episode on a fresh world; for many, `recordings` keeps the world."""
    (episode,) = recordings([(style, seed)], size, Looks() if randomise else None)
    return episode
