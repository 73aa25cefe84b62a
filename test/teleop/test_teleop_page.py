"""docs/teleop.md names every button and key."""

import re
from pathlib import Path

import pytest

from robo_dopamine_ros.teleop import joy
from robo_dopamine_ros.teleop.device import ButtonEvent
from robo_dopamine_ros.teleop.keyboard import EVENT_KEYS, KEY_LABELS, MOTION_HELP

PAGE = (Path(__file__).parents[2] / 'docs' / 'teleop.md').read_text(encoding='utf-8')
WORDS = {
    'dead_man': 'dead-man', 'take_over': 'take over', 'gripper': 'open or close the gripper',
    'start': 'start an episode', 'faster': 'double the speed', 'slower': 'half the speed',
}  # fmt: skip


def meaning(does: str) -> str:
    return WORDS.get(does, does)


@pytest.mark.parametrize(('button', 'does'), [*zip(joy.BUTTONS, joy.DEFAULT_BUTTONS, strict=True)])
def test_every_button_of_the_gamepad(button: str, does: str) -> None:
    row = re.search(rf'^\| {button}(?:, held)? \| ([^|]*) \|', PAGE, re.MULTILINE)
    assert (row is not None) == bool(does)
    assert row is None or row.group(1).startswith(meaning(does))


@pytest.mark.parametrize(('key', 'press'), [*EVENT_KEYS.items()])
def test_every_key_that_presses(key: str, press: ButtonEvent) -> None:
    assert re.search(rf'\| {re.escape(KEY_LABELS.get(key, key))} \| {meaning(press.value)}', PAGE)


@pytest.mark.parametrize(('keys', 'moves'), MOTION_HELP)
def test_every_key_that_moves(keys: str, moves: str) -> None:
    assert re.search(rf'^\| {keys}(?:, arrows)? \| {moves} \|', PAGE, re.MULTILINE)
