"""How drawing without a screen is chosen."""

import os
import subprocess
import sys

import pytest

from robo_dopamine_ros.sim.gl import choose


@pytest.mark.parametrize(
    ('egl', 'osmesa', 'way'),
    [(True, True, 'egl'), (False, True, 'osmesa'), (False, False, 'disabled')],
)
def test_the_first_that_works_is_chosen(egl: bool, osmesa: bool, way: str) -> None:
    environment: dict[str, str] = {}
    assert choose(environment, lambda: egl, lambda: osmesa) == way
    assert environment == {'MUJOCO_GL': way}


def test_what_is_set_is_kept() -> None:
    environment = {'MUJOCO_GL': 'glfw'}
    assert choose(environment, lambda: True, lambda: True) == 'glfw'


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != 'MUJOCO_GL'} | environment
    return subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)


DRAW = """
from robo_dopamine_ros.sim.cameras import Cameras
from robo_dopamine_ros.sim.world import World
world = World()
cameras = Cameras(world.model, (32, 32))
print(cameras.draw(world.data)['front'].std() > 5)
cameras.close()
"""


def test_it_draws_even_when_mujoco_was_imported_first() -> None:
    assert python('import mujoco' + DRAW).stdout == 'True\n'


def test_without_any_opengl_it_says_what_to_install() -> None:
    answer = python(DRAW, MUJOCO_GL='disabled')
    assert answer.returncode != 0
    assert 'apt install libegl1 libgl1-mesa-dri' in answer.stderr
