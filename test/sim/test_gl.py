"""Choice of the off-screen OpenGL backend."""

import os
import subprocess
import sys

import pytest

from robo_dopamine_ros.sim.gl import select_backend


@pytest.mark.parametrize(
    ('egl', 'osmesa', 'backend'),
    [(True, True, 'egl'), (False, True, 'osmesa'), (False, False, 'disabled')],
)
def test_the_first_that_works_is_chosen(egl: bool, osmesa: bool, backend: str) -> None:
    environment: dict[str, str] = {}
    assert select_backend(environment, lambda: egl, lambda: osmesa) == backend
    assert environment == {'MUJOCO_GL': backend}


def test_what_is_set_is_kept() -> None:
    environment = {'MUJOCO_GL': 'glfw'}
    assert select_backend(environment, lambda: True, lambda: True) == 'glfw'


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != 'MUJOCO_GL'} | environment
    return subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)


DRAW = """
from robo_dopamine_ros.sim.rendering import CameraRenderer
from robo_dopamine_ros.sim.world import World
world = World()
cameras = CameraRenderer(world.model, (32, 32))
print(cameras.render(world.data)['front'].std() > 5)
cameras.close()
"""


def test_it_draws_even_when_mujoco_was_imported_first() -> None:
    assert python('import mujoco' + DRAW).stdout == 'True\n'


def test_without_any_opengl_it_says_what_to_install() -> None:
    answer = python(DRAW, MUJOCO_GL='disabled')
    assert answer.returncode != 0
    assert 'apt install libegl1 libgl1-mesa-dri' in answer.stderr
