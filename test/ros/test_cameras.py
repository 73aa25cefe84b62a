"""The contract of every synchronizer, over real topics in one process."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robo_dopamine_ros.ros.cameras import (
    SYNCHRONIZERS,
    CameraParameters,
    CameraSource,
    open_cameras,
)
from robo_dopamine_ros.ros.images import image_to_msg, views_from_msgs
from robo_dopamine_ros.ros.topics import camera_topic
from robo_dopamine_ros.types import SECOND

VIEWS = ('front', 'wrist')
PATIENCE = 10.0  # [s]
RED = np.full((8, 8, 3), (255, 0, 0), np.uint8)


@pytest.fixture(params=SYNCHRONIZERS)
def rig(request: pytest.FixtureRequest, bench: Any, monkeypatch: pytest.MonkeyPatch) -> 'CameraRig':
    """Cameras and their publishers, for every synchronizer."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / 'distribution'))
    rig = CameraRig(bench, CameraParameters(views=VIEWS, synchronizer=request.param))
    yield rig
    for name in ('message_filters', 'cv_bridge'):
        sys.modules.pop(name, None)


class CameraRig:
    """Publishes images and polls sets, in one process."""

    def __init__(self, bench: Any, parameters: CameraParameters) -> None:
        self.node, self._executor = bench.node, bench.executor
        topics = {view: camera_topic(view) for view in VIEWS}
        self.publishers = {
            view: self.node.create_publisher(topic.type, topic.name, topic.qos)
            for view, topic in topics.items()
        }
        self.cameras: CameraSource = open_cameras(self.node, parameters)
        self.until(lambda: all(p.get_subscription_count() for p in self.publishers.values()))

    def now(self) -> int:
        return self.node.get_clock().now().nanoseconds

    def publish(self, **stamps: int) -> None:
        for view, stamp in stamps.items():
            self.publishers[view].publish(image_to_msg(RED, stamp))

    def until(self, condition: Callable[[], Any]) -> Any:
        """Spin until a condition returns something, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not (result := condition()):
            assert time.monotonic() < deadline, 'nothing came'
            self._executor.spin_once(timeout_sec=0.01)
        return result

    def complete(self) -> Any:
        match = self.cameras.poll()
        return match if match and not match.absent else None


def test_a_complete_set_is_given_once_and_decodes(rig: CameraRig) -> None:
    now = rig.now()
    rig.publish(front=now, wrist=now - SECOND // 100)
    match = rig.until(rig.complete)
    assert match.stamps == {'front': now, 'wrist': now - SECOND // 100}
    views, absent = rig.cameras.convert(match)
    assert absent == {}
    assert all(np.array_equal(image, RED) for image in views.images.values())
    assert views.stamps == match.stamps
    assert rig.cameras.poll() is None, 'there is nothing newer'
    assert rig.cameras.stats.sets == 1
    assert rig.cameras.stats.skew == pytest.approx(0.01)
    later = rig.now()
    rig.publish(front=later, wrist=later)
    assert rig.until(rig.complete).stamp == later


def test_a_silent_camera_is_named(rig: CameraRig) -> None:
    def named() -> bool:
        rig.publish(front=rig.now())
        match = rig.cameras.poll()
        return bool(match and match.absent.get('wrist') == 'no picture yet')

    rig.until(named)
    assert rig.cameras.stats.absent['wrist'] == 'no picture yet'
    assert rig.cameras.stats.missed['wrist'] > 0


def test_silent_cameras_are_late(rig: CameraRig) -> None:
    now = rig.now()
    rig.publish(front=now, wrist=now)
    rig.until(rig.complete)
    match = rig.until(rig.cameras.poll)
    assert match.messages == {}
    assert all(reason.startswith('late by 0.3') for reason in match.absent.values())


def test_a_refused_image_is_counted_and_its_view_absent(rig: CameraRig) -> None:
    now = rig.now()
    message = image_to_msg(RED, now)
    message.encoding = 'rgb9'
    rig.publishers['front'].publish(message)
    rig.publish(wrist=now)
    views, absent = rig.cameras.convert(rig.until(rig.complete))
    assert set(views.images) == {'wrist'}
    assert absent == {'front': "unknown encoding 'rgb9'"}
    assert rig.cameras.stats.refused == {('front', 'encoding'): 1}


@pytest.mark.parametrize(
    ('stamp', 'reason'), [(0, 'stamp is zero'), (2**31 * SECOND - 1, 'stamp is in the future')]
)
def test_impossible_stamps_never_make_a_set(rig: CameraRig, stamp: int, reason: str) -> None:
    rig.publish(front=stamp, wrist=stamp)

    def refused() -> bool:
        assert rig.complete() is None
        return set(rig.cameras.stats.refused) == {('front', reason), ('wrist', reason)}

    rig.until(refused)


def test_closed_cameras_receive_nothing(rig: CameraRig) -> None:
    rig.cameras.close()
    rig.until(lambda: not any(p.get_subscription_count() for p in rig.publishers.values()))


@pytest.mark.parametrize('module', ['message_filters', 'cv_bridge'])
def test_missing_packages_are_named(
    bench: Any, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / 'distribution'))
    monkeypatch.setitem(sys.modules, module, None)
    parameters = CameraParameters(synchronizer='message_filters')
    debian = module.replace('_', '-')
    with pytest.raises(
        ImportError, match=rf'needs {module}.*ros-\$ROS_DISTRO-{debian} or use newest'
    ):
        open_cameras(bench.node, parameters)


def test_an_empty_request_has_no_views() -> None:
    assert views_from_msgs([]) is None


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        ({'views': ()}, r'views = \[\]; it must be one to three different names'),
        ({'views': ('a', 'a')}, 'one to three different names'),
        ({'views': tuple('abcd')}, 'one to three different names'),
        ({'transport': 'theora'}, "transport = 'theora'; it must be one of"),
        ({'synchronizer': 'exact'}, "synchronizer = 'exact'; it must be one of"),
        ({'depth': 0}, r'depth = 0; it must be within 1\.\.10'),
    ],
)
def test_invalid_camera_parameters_are_refused(changes: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        CameraParameters(**changes)
