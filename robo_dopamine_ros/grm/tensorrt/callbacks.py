"""Callbacks of TensorRT: its logger and the progress monitor of a build.

The base classes are subclassed inside functions, because the library is not always installed.
"""

from typing import Any

from robo_dopamine_ros.grm.protocol import ProgressCallback

OUT_OF_MEMORY_TEXTS = ('outofmemory', 'out of memory', 'insufficient memory', 'memory allocation')


class TensorRTLog(list[str]):
    """Error messages of TensorRT, the newest last."""

    def reason(self) -> str:
        """The newest message, for the text of an exception."""
        return self[-1] if self else 'it does not say why'

    def out_of_memory(self) -> bool:
        """Whether a message reports that memory ran out."""
        return any(text in message.lower() for message in self for text in OUT_OF_MEMORY_TEXTS)


def make_logger(trt: Any, log: TensorRTLog) -> Any:
    """A `trt.ILogger` that appends errors to `log` and prints nothing."""

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)  # the binding requires the explicit call

        def log(self, severity: Any, message: str) -> None:
            if int(severity) <= int(trt.ILogger.Severity.ERROR):
                log.append(message)

    return Logger()


class BuildProgress:
    """Converts steps of nested phases to one fraction done, which never decreases."""

    def __init__(self) -> None:
        self._open: dict[
            str, tuple[str | None, int]
        ] = {}  # phase -> its parent, its number of steps
        self._done: dict[str, float] = {}  # phase -> steps done, including those of its children
        self.fraction = 0.0

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """Begin a phase of `steps` steps."""
        self._open[phase], self._done[phase] = (parent, max(1, steps)), 0.0

    def step(self, phase: str, step: int) -> float:
        """Mark step `step`, counted from 0, as done; returns the fraction of the whole build."""
        if phase not in self._open:
            return self.fraction
        self._done[phase] = step + 1.0
        parent, share = self._open[phase][0], self._share(phase)
        while parent in self._open:
            share = min(1.0, (self._done[parent] + share) / self._open[parent][1])
            parent = self._open[parent][0]
        self.fraction = max(self.fraction, share)
        return self.fraction

    def finish(self, phase: str) -> None:
        """End a phase, whether or not all its steps were done."""
        self._open.pop(phase, None)
        self._done.pop(phase, None)

    def _share(self, phase: str) -> float:
        return min(1.0, self._done[phase] / self._open[phase][1])


def make_progress_monitor(trt: Any, what: str, report: ProgressCallback) -> Any:
    """A `trt.IProgressMonitor` that calls `report`; an exception of it cancels the build.

    The exception is kept in `stopped`.
    """

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.phases = BuildProgress()
            self.stopped: BaseException | None = None

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.phases.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            try:
                if self.stopped is None:
                    report(min(0.99, self.phases.step(phase_name, step)), what)
            except BaseException as error:  # also Ctrl-C: no exception may pass through the library
                self.stopped = error
            return self.stopped is None

        def phase_finish(self, phase_name: str) -> None:
            self.phases.finish(phase_name)

    return Monitor()
