"""The contract of every synchronizer, over real topics in one process."""

import array
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
from robo_dopamine_ros.ros.time_sync import SyncLimits
from robo_dopamine_ros.ros.topics import camera_topic
from robo_dopamine_ros.ros.view_poller import ViewPoller
from robo_dopamine_ros.types import SECOND

VIEWS = ('front', 'wrist')
PATIENCE = 30.0  # [s]
RED = np.full((8, 8, 3), (255, 0, 0), np.uint8)


@pytest.fixture(params=SYNCHRONIZERS)
def rig(request: pytest.FixtureRequest, bench: Any, monkeypatch: pytest.MonkeyPatch) -> 'CameraRig':
    """Cameras and their publishers, for every synchronizer."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / 'distribution'))
    changes = getattr(request.function, 'changes', {})
    rig = CameraRig(bench, CameraParameters(views=VIEWS, synchronizer=request.param, **changes))
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
    assert absent['front'].startswith("unknown encoding 'rgb9'")
    assert set(absent) == {'front'}
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


def with_parameters(**changes: Any) -> Callable:
    """Gives the rig of a test other parameters."""

    def mark(test: Callable) -> Callable:
        test.changes = changes  # type: ignore[attr-defined]
        return test

    return mark


def still_and_live(rig: CameraRig) -> None:
    """Publish the same picture of one camera, and one with noise of the other, as long as asked."""
    now = rig.now()
    noise = np.random.default_rng(now).integers(0, 255, RED.shape, np.uint8)
    rig.publishers['front'].publish(image_to_msg(RED, now))
    rig.publishers['wrist'].publish(image_to_msg(noise, now))


@with_parameters(limits=SyncLimits(frozen_time=0.3))
def test_a_frozen_camera_is_named_but_used(rig: CameraRig) -> None:
    def named() -> bool:
        still_and_live(rig)
        match = rig.cameras.poll()
        assert match is None or 'the same picture' not in str(match.absent)
        return bool(match and match.messages and rig.cameras.stats.frozen)

    rig.until(named)
    assert list(rig.cameras.stats.frozen) == ['front']
    assert rig.cameras.stats.frozen['front'].startswith('the same picture for 0.')


@with_parameters(limits=SyncLimits(frozen_time=0.3, refuse_frozen=True))
def test_a_frozen_camera_is_absent_where_that_is_asked_for(rig: CameraRig) -> None:
    def absent() -> Any:
        still_and_live(rig)
        match = rig.cameras.poll()
        return match if match and match.messages and match.absent else None

    match = rig.until(absent)
    assert list(match.messages) == ['wrist']
    assert match.absent['front'].startswith('the same picture for 0.')
    assert rig.cameras.stats.absent == match.absent


def test_a_policy_is_told_which_camera_is_frozen(bench: Any) -> None:
    limits = SyncLimits(frozen_time=0.3, refuse_frozen=True)
    rig = CameraRig(bench, CameraParameters(views=VIEWS, limits=limits))
    poller = ViewPoller(rig.node, CameraParameters(views=VIEWS, limits=limits), 0.3)

    def told() -> str:
        still_and_live(rig)
        poller.poll(time.monotonic())
        reason = poller.stale_reason(time.monotonic(), rig.now())
        return reason if 'the same picture' in reason else ''

    assert rig.until(told).startswith('front: the same picture for 0.')
    assert poller.health()[0].message.startswith('the same picture for 0.')


@with_parameters(bit_depth=12)
def test_the_bit_depth_of_a_camera_is_used(rig: CameraRig) -> None:
    now = rig.now()
    for view, publisher in rig.publishers.items():
        message = image_to_msg(RED, now)
        values = np.full(64, 0xFFF if view == 'front' else 0x7FF, np.uint16)
        message.encoding, message.step = 'mono16', 16
        message.data = array.array('B', values.tobytes())
        publisher.publish(message)
    views, absent = rig.cameras.convert(rig.until(rig.complete))
    assert absent == {}
    assert {view: int(image.max()) for view, image in views.images.items()} == {
        'front': 255,
        'wrist': 127,
    }


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
        ({'bit_depth': 8}, 'bit_depth = 8; it must be 9 to 16, or 0'),
    ],
)
def test_invalid_camera_parameters_are_refused(changes: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        CameraParameters(**changes)
