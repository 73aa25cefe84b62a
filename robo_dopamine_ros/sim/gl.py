"""Chooses how MuJoCo draws without a screen, before MuJoCo is imported for the first time."""

import ctypes
import ctypes.util
import importlib
import sys
from collections.abc import Callable, MutableMapping

ADVICE = (
    'no way to draw without a screen: neither EGL nor OSMesa works here; '
    'install one of them (Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri, '
    'or apt install libosmesa6)'
)
PLATFORM_DEVICE = 0x313F  # EGL_PLATFORM_DEVICE_EXT
DEVICES = 16  # as many as are asked for


class NoRenderer(RuntimeError):
    """Nothing on this machine draws without a screen."""


def egl_works() -> bool:
    """Whether an EGL device, a GPU or Mesa's software one, can be initialised."""
    try:
        egl = ctypes.CDLL('libEGL.so.1')
    except OSError:
        return False
    pointer, number = ctypes.c_void_p, ctypes.c_int
    egl.eglGetProcAddress.restype = pointer
    egl.eglInitialize.argtypes = (pointer, pointer, pointer)
    query = egl.eglGetProcAddress(b'eglQueryDevicesEXT')
    display = egl.eglGetProcAddress(b'eglGetPlatformDisplayEXT')
    if not query or not display:
        return False
    devices, count = (pointer * DEVICES)(), number(0)
    ask = ctypes.CFUNCTYPE(number, number, pointer, pointer)(query)
    if not ask(DEVICES, devices, ctypes.byref(count)):
        return False
    open_display = ctypes.CFUNCTYPE(pointer, number, pointer, pointer)(display)
    handles = [open_display(PLATFORM_DEVICE, device, None) for device in devices[: count.value]]
    return any(handle and egl.eglInitialize(handle, None, None) for handle in handles)


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
        environment['MUJOCO_GL'] = 'egl' if egl() else 'osmesa' if osmesa() else 'disabled'
    return environment['MUJOCO_GL']


def prepare(environment: MutableMapping[str, str]) -> None:
    """Choose, and import MuJoCo with that choice; NoRenderer names what to install.

    Mesa's software renderer gets one thread unless told otherwise: at our picture sizes more of
    them cost more than they give.
    """
    late = 'mujoco' in sys.modules and not environment.get('MUJOCO_GL')
    way = choose(environment)
    environment.setdefault('LP_NUM_THREADS', '1')
    try:
        importlib.import_module('mujoco')
        if late:
            importlib.reload(importlib.import_module('mujoco.rendering.classic.gl_context'))
    except (ImportError, AttributeError, RuntimeError) as error:
        raise NoRenderer(f'MUJOCO_GL={way} does not work here ({error}); {ADVICE}') from error
