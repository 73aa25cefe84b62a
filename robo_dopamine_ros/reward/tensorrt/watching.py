"""What TensorRT calls back: what it has to say, and how far a build got.

Its classes are subclassed inside functions, because the library is there only on some machines.
"""

from typing import Any

from robo_dopamine_ros.reward.telling import Report

MEMORY = ('outofmemory', 'out of memory', 'insufficient memory', 'memory allocation')


class Log(list[str]):
    """Errors and warnings, the newest last."""

    def reason(self) -> str:
        """The last thing said, for an error message."""
        return self[-1] if self else 'it does not say why'

    def lacks_memory(self) -> bool:
        """Whether memory ran out."""
        return any(word in said.lower() for said in self for word in MEMORY)


def logger(trt: Any, log: Log) -> Any:
    """A logger that keeps the errors, and prints nothing."""

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)  # the binding asks for it by name

        def log(self, severity: Any, message: str) -> None:
            if int(severity) <= int(trt.ILogger.Severity.ERROR):
                log.append(message)

    return Logger()


class Phases:
    """Phases within phases, each of so many steps, to one share done that only grows."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str | None, int]] = {}  # phase: the one around it, its steps
        self._done: dict[str, float] = {}  # steps of each, with those of the phases in it
        self.share = 0.0

    def start(self, phase: str, around: str | None, steps: int) -> None:
        """A phase of some steps begins."""
        self._open[phase], self._done[phase] = (around, max(1, steps)), 0.0

    def step(self, phase: str, step: int) -> float:
        """Step `step`, counted from 0, of a phase is done; gives the share of all."""
        if phase not in self._open:
            return self.share
        self._done[phase] = step + 1.0
        around, share = self._open[phase][0], self._within(phase)
        while around in self._open:
            share = min(1.0, (self._done[around] + share) / self._open[around][1])
            around = self._open[around][0]
        self.share = max(self.share, share)
        return self.share

    def finish(self, phase: str) -> None:
        """A phase is over, whatever became of its steps."""
        self._open.pop(phase, None)
        self._done.pop(phase, None)

    def _within(self, phase: str) -> float:
        return min(1.0, self._done[phase] / self._open[phase][1])


def monitor(trt: Any, what: str, report: Report) -> Any:
    """A progress monitor that tells `report`; what that raises ends the build, and is kept."""

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.phases = Phases()
            self.stopped: BaseException | None = None

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.phases.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            try:
                if self.stopped is None:
                    report(min(0.99, self.phases.step(phase_name, step)), what)
            except BaseException as error:  # nothing may be raised through the library: Ctrl-C
                self.stopped = error
            return self.stopped is None

        def phase_finish(self, phase_name: str) -> None:
            self.phases.finish(phase_name)

    return Monitor()
