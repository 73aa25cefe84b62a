"""Chooses how MuJoCo draws without a screen, before MuJoCo is imported for the first time.

Every file of this part takes `mujoco` from here, so that the choice always comes first.
"""

import ctypes
import ctypes.util
import importlib
import os
from collections.abc import Callable, MutableMapping
from types import ModuleType

ADVICE = (
    'no way to draw without a screen: neither EGL nor OSMesa works here; '
    'install one of them (Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri, '
    'or apt install libosmesa6)'
)
_PLATFORM_DEVICE = 0x313F  # EGL_PLATFORM_DEVICE_EXT


class NoRenderer(RuntimeError):
    """This machine has no OpenGL that draws without a screen."""


def egl_works() -> bool:
    """Whether an EGL device, a GPU or Mesa's software one, can be initialised."""
    try:
        egl = ctypes.CDLL('libEGL.so.1')
    except OSError:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    query, display = (
        egl.eglGetProcAddress(name) for name in (b'eglQueryDevicesEXT', b'eglGetPlatformDisplayEXT')
    )
    if not query or not display:
        return False
    pointer, number = ctypes.c_void_p, ctypes.c_int
    devices, count = (pointer * 16)(), number(0)
    found = ctypes.CFUNCTYPE(number, number, pointer, pointer)(query)(
        16, devices, ctypes.byref(count)
    )
    open_display = ctypes.CFUNCTYPE(pointer, number, pointer, pointer)(display)
    egl.eglInitialize.argtypes = (pointer, pointer, pointer)
    handles = [open_display(_PLATFORM_DEVICE, device, None) for device in devices[: count.value]]
    return bool(found) and any(h and egl.eglInitialize(h, None, None) for h in handles)


def osmesa_works() -> bool:
    """Whether Mesa's off-screen library is there."""
    return ctypes.util.find_library('OSMesa') is not None


def choose(
    environment: MutableMapping[str, str],
    egl: Callable[[], bool] = egl_works,
    osmesa: Callable[[], bool] = osmesa_works,
) -> str:
    """Set MUJOCO_GL unless it is set, and say what it is; 'disabled' when nothing draws."""
    if not environment.get('MUJOCO_GL'):
        way = 'egl' if egl() else 'osmesa' if osmesa() else 'disabled'
        environment['MUJOCO_GL'] = way
    return environment['MUJOCO_GL']


def _import(way: str) -> ModuleType:
    try:
        return importlib.import_module('mujoco')
    except (ImportError, AttributeError) as error:
        raise NoRenderer(f'MUJOCO_GL={way} does not work here ({error}); {ADVICE}') from error


way = choose(os.environ)
mujoco = _import(way)
