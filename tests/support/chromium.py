"""Drive a headless chromium over its DevTools pipe: JSON texts, each ended by a null byte."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars
--disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage
--remote-debugging-pipe""".split()
PATIENCE = 30.0  # seconds for any one answer


def missing() -> str | None:
    """Why no browser can be driven here, if so."""
    absent = [name for name in ("chromium", "bash") if shutil.which(name) is None]
    return f"needs Debian's {' and '.join(absent)}" if absent else None


class Chromium:
    """One browser with one page; `errors` collects what its console and network complain of."""

    def __init__(self, profile: Path) -> None:
        self.errors: list[str] = []
        self._loaded = False
        self._last = 0
        self._rest = b""
        self._session: str | None = None
        self._pipe, theirs = socket.socketpair()
        self._pipe.settimeout(PATIENCE)
        fd = theirs.fileno()  # chromium reads from 3 and writes to 4
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{fd} 4>&{fd}', "chromium", "chromium", *FLAGS,
             f"--user-data-dir={profile}"],
            pass_fds=[fd], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()

    def __enter__(self) -> Self:
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        finally:
            self._process.wait(PATIENCE)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command, and wait for its answer."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._pipe.sendall(json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._last:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = self._pipe.recv(1 << 20)
            if not more:
                raise ConnectionError("chromium has gone")
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, params: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event in ("Runtime.exceptionThrown", "Network.loadingFailed"):
            self.errors.append(f"{event}: {params}")
        elif event == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif event == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(f"console.{params['type']}: {params['args']}")

    def evaluate(self, script: str) -> Any:
        """What an expression comes to in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def evaluate_later(self, script: str) -> Any:
        """What a promise in the page comes to."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def width(self, pixels: int, height: int = 900, *, dark: bool = False) -> None:
        """Show the page in a window this wide."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=pixels, height=height, deviceScaleFactor=1, mobile=pixels < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        """Go to an address, and wait until it is loaded."""
        self._loaded = False
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise RuntimeError(f"{url}: {answer['errorText']}")
        if "loaderId" in answer:  # otherwise it only went to an anchor of the same page
            self._wait_for_load()

    def click(self, selector: str) -> None:
        """Click the middle of the first element that matches, as a mouse does, and wait."""
        self._loaded = False
        x, y = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const r = e.getClientRects()[0];"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )  # fmt: skip
        self._wait_for_load()

    def _wait_for_load(self) -> None:
        while not self._loaded:
            self._receive()

    def screenshot(self, path: Path) -> None:
        """What the window shows, as a PNG file."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
