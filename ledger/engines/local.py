"""Engine `local`: workers are child processes of the coordinator."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.engines import WorkerCommand


def start(command: WorkerCommand) -> LocalWorker:
    """Start a worker on this machine."""
    command.errors.parent.mkdir(parents=True, exist_ok=True)
    with command.errors.open("ab") as stream:
        process = subprocess.Popen(
            command.arguments,
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            env=command.environment,
            cwd=command.folder,
        )
    if command.niceness:
        os.setpriority(os.PRIO_PROCESS, process.pid, command.niceness)
    return LocalWorker(process)


@dataclass(frozen=True, slots=True)
class LocalWorker:
    """A child process."""

    process: subprocess.Popen[bytes]

    @property
    def host(self) -> str:
        """The name of this machine."""
        return os.uname().nodename

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def exit_code(self) -> int | None:
        """Return its exit code, -N if signal N ended it, or None while it is alive."""
        return self.process.poll()

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        return self.process.wait()

    def drain(self) -> None:
        """Send SIGTERM."""
        self.process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()

    def release(self) -> None:
        """Close the pipe to its standard input."""
        if self.process.stdin:
            self.process.stdin.close()
