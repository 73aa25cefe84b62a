"""Services of the gate: intervene (take over, release), stop, rearm, recover."""

from typing import Any

from rclpy.node import Node

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.arm_bridge import ArmBridge
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.safety.gate import Gate

RETRY_PERIOD = 2_000_000_000  # between two attempts to start a driver [ns]


class GateServices:
    """Offers the services, and starts the arm's driver when the node starts."""

    def __init__(self, node: Node, gate: Gate, arm: ArmBridge) -> None:
        self.busy = 'the driver of the arm is being started'  # why nothing may be sent to it
        self._gate, self._arm, self._logger = gate, arm, node.get_logger()
        for service, callback in (
            (topics.INTERVENE, self._on_intervene),
            (topics.STOP, self._on_stop),
            (topics.REARM, self._on_rearm),
        ):
            node.create_service(service.type, service.name, callback)
        group, recover = arm.callback_group, topics.RECOVER
        node.create_service(recover.type, recover.name, self._on_recover, callback_group=group)
        self._start_timer = create_steady_timer(node, 0.0, self._start, callback_group=group)

    def _on_intervene(self, request: Any, response: Any) -> Any:
        now, asked = steady_time(), request.request
        if asked == request.TAKE_OVER:
            response.reason = self._gate.take_over(now)
        elif asked == request.RELEASE:
            response.reason = self._gate.release(now)
        else:
            response.reason = f'request = {asked}; it must be 0 (TAKE_OVER) or 1 (RELEASE)'
        response.accepted = not response.reason
        verb = {request.TAKE_OVER: 'takes over', request.RELEASE: 'releases'}.get(asked, 'errs')
        outcome = response.reason or 'accepted'
        self._logger.info(f'{request.source or "somebody"} {verb}: {outcome}')
        return response

    def _on_stop(self, _: Any, response: Any) -> Any:
        self._gate.stop('stop was called', steady_time())
        response.success, response.message = True, 'stopped; rearm to go on (robo-dopamine rearm)'
        return response

    def _on_rearm(self, _: Any, response: Any) -> Any:
        response.message = self._gate.rearm(steady_time())
        response.success = not response.message
        return response

    async def _start(self) -> None:
        """Start the driver; try again until it succeeds."""
        self._start_timer.cancel()
        reason, _ = await self._arm.run_sequence(self._arm.arm.start())
        self.busy = f'the driver did not start: {reason}; it is tried again' if reason else ''
        if reason:
            self._logger.warning(self.busy, throttle_duration_sec=30.0)
            self._start_timer.timer_period_ns = RETRY_PERIOD
            self._start_timer.reset()

    async def _on_recover(self, _: Any, response: Any) -> Any:
        """Recover the arm and start its driver; nothing is sent meanwhile, so the gate latches."""
        if self.busy:
            response.reason = self.busy
            return response
        self.busy = 'the arm is being recovered'
        for sequence in (self._arm.arm.recover(), self._arm.arm.start()):
            response.reason, steps = await self._arm.run_sequence(sequence)
            response.steps = [*response.steps, *steps]
            if response.reason:
                break
        self.busy, response.recovered = '', not response.reason
        return response
