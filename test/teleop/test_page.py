"""The page people read names every button and key as it is."""

import re
from pathlib import Path

import pytest

from robo_dopamine_ros.teleop import joy
from robo_dopamine_ros.teleop.keyboard import MEANT, PRESSES, SHOWN
from robo_dopamine_ros.teleop.reading import Press

PAGE = (Path(__file__).parents[2] / 'docs' / 'teleop.md').read_text(encoding='utf-8')
WORDS = {
    'dead_man': 'dead-man', 'take_over': 'take over', 'gripper': 'open or close the gripper',
    'start': 'start an episode', 'faster': 'double the pace', 'slower': 'half the pace',
}  # fmt: skip


def meaning(does: str) -> str:
    return WORDS.get(does, does)


@pytest.mark.parametrize(('button', 'does'), [*zip(joy.BUTTONS, joy.DOES, strict=True)])
def test_every_button_of_the_gamepad(button: str, does: str) -> None:
    row = re.search(rf'^\| {button}(?:, held)? \| ([^|]*) \|', PAGE, re.MULTILINE)
    assert (row is not None) == bool(does)
    assert row is None or row.group(1).startswith(meaning(does))


@pytest.mark.parametrize(('key', 'press'), [*PRESSES.items()])
def test_every_key_that_presses(key: str, press: Press) -> None:
    assert re.search(rf'\| {re.escape(SHOWN.get(key, key))} \| {meaning(press.value)}', PAGE)


@pytest.mark.parametrize(('keys', 'moves'), MEANT)
def test_every_key_that_moves(keys: str, moves: str) -> None:
    assert re.search(rf'^\| {keys}(?:, arrows)? \| {moves} \|', PAGE, re.MULTILINE)
