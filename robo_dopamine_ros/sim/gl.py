"""Choice of MuJoCo's off-screen OpenGL backend, made before MuJoCo is first imported."""

import ctypes
import ctypes.util
import importlib
import sys
from collections.abc import Callable, MutableMapping

INSTALL_HINT = (
    'no way to draw without a screen: neither EGL nor OSMesa works here; '
    'install one of them (Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri, '
    'or apt install libosmesa6)'
)
PLATFORM_DEVICE = 0x313F  # EGL_PLATFORM_DEVICE_EXT
MAX_DEVICES = 16  # EGL devices that are queried


class NoRendererError(RuntimeError):
    """No off-screen OpenGL backend works on this machine."""


def egl_works() -> bool:
    """Return whether an EGL device (a GPU, or Mesa's software renderer) can be initialised."""
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
    devices, count = (pointer * MAX_DEVICES)(), number(0)
    query_devices = ctypes.CFUNCTYPE(number, number, pointer, pointer)(query)
    if not query_devices(MAX_DEVICES, devices, ctypes.byref(count)):
        return False
    open_display = ctypes.CFUNCTYPE(pointer, number, pointer, pointer)(display)
    handles = [open_display(PLATFORM_DEVICE, device, None) for device in devices[: count.value]]
    return any(handle and egl.eglInitialize(handle, None, None) for handle in handles)


def osmesa_works() -> bool:
    """Return whether Mesa's off-screen library is installed."""
    return ctypes.util.find_library('OSMesa') is not None


def select_backend(
    environment: MutableMapping[str, str],
    egl: Callable[[], bool] = egl_works,
    osmesa: Callable[[], bool] = osmesa_works,
) -> str:
    """Set MUJOCO_GL unless it is set, and return it; 'disabled' when no backend works."""
    if not environment.get('MUJOCO_GL'):
        environment['MUJOCO_GL'] = 'egl' if egl() else 'osmesa' if osmesa() else 'disabled'
    return environment['MUJOCO_GL']


def import_mujoco(environment: MutableMapping[str, str]) -> None:
    """Select a backend and import MuJoCo; NoRendererError names the packages to install.

    LP_NUM_THREADS is set to 1 unless it is set: at 160x120 and 640x480 pixels Mesa's software
    renderer is slower with more threads.
    """
    late = 'mujoco' in sys.modules and not environment.get('MUJOCO_GL')
    backend = select_backend(environment)
    environment.setdefault('LP_NUM_THREADS', '1')
    try:
        importlib.import_module('mujoco')
        if late:
            importlib.reload(importlib.import_module('mujoco.rendering.classic.gl_context'))
    except (ImportError, AttributeError, RuntimeError) as error:
        raise NoRendererError(
            f'MUJOCO_GL={backend} does not work here ({error}); {INSTALL_HINT}'
        ) from error
