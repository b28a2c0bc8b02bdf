"""A server that is paid by the page: slow, moody, and with a meter that forgets nothing.

`python paid_server.py FOLDER SEED PAGES` prints its port, and serves `POST /v1/chat/completions`
until its standard input ends; then it writes what it has seen to FOLDER/meter.json.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

LATENCY = (0.005, 0.08)
REFUSING_EVERY = 6.0
REFUSING_AT = 1.0
REFUSING_FOR = 0.5
REST = 1
BROKEN = 0.02
DROPPED = 0.01


class Meter:
    """What the server was asked for, and paid for."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.arrivals: list[float] = []
        self.refusals: list[float] = []
        self.paid: dict[str, list[int]] = defaultdict(list)
        self.keys: dict[str, set[str]] = defaultdict(set)
        self.dropped: list[str] = []
        self.broken = self.present = self.most = 0
        self.began: float | None = None

    def refuses(self, now: float) -> bool:
        """In a burst of refusals, one of which comes every few seconds."""
        self.began = now if self.began is None else self.began
        since = (now - self.began) % REFUSING_EVERY
        return REFUSING_AT <= since < REFUSING_AT + REFUSING_FOR

    def pay(self, page: str, prompt: str) -> dict[str, Any]:
        """Charge for a page; the answer."""
        usage = {"prompt_tokens": 4 + len(prompt.split()), "completion_tokens": 3 + len(page)}
        self.paid[page].append(sum(usage.values()))
        content = json.dumps({"page": page, "words": len(prompt.split())})
        message = {"role": "assistant", "content": content}
        return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}

    def as_dict(self) -> dict[str, Any]:
        """For the test."""
        return {
            "arrivals": self.arrivals, "refusals": self.refusals, "paid": self.paid,
            "keys": {page: sorted(keys) for page, keys in self.keys.items()},
            "dropped": self.dropped, "broken": self.broken, "most": self.most,
        }  # fmt: skip


class Server:
    """HTTP/1.1 with kept connections, as little of it as clients need."""

    def __init__(self, meter: Meter, *, moody: bool) -> None:
        self.meter, self.moody = meter, moody

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if not await self.answer(writer, headers, body):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(
        self, writer: asyncio.StreamWriter, headers: dict[str, str], body: bytes
    ) -> bool:
        """One request; false when the connection is dropped."""
        meter, now = self.meter, time.monotonic()
        meter.arrivals.append(now)
        request = json.loads(body)
        prompt = request["messages"][-1]["content"]
        page = prompt.split()[1]
        meter.keys[page].add(headers.get("idempotency-key", ""))
        if headers.get("authorization") != "bearer test-key-5f1c":
            echo = {"error": f"bad key {headers.get('authorization')}"}
            return self.say(writer, 401, echo)
        if page == "echo":
            return self.say(writer, 200, {"you said": headers})
        if self.moody and meter.refuses(now):
            meter.refusals.append(now)
            return self.say(writer, 429, {"error": "slow down"}, f"Retry-After: {REST}\r\n")
        meter.present += 1
        meter.most = max(meter.most, meter.present)
        await asyncio.sleep(meter.chance.uniform(*LATENCY))
        meter.present -= 1
        mood = meter.chance.random() if self.moody else 1.0
        if mood < BROKEN:
            meter.broken += 1
            return self.say(writer, 500, {"error": "internal"})
        if mood < BROKEN + DROPPED:
            meter.dropped.append(page)
            if mood < BROKEN + DROPPED / 2:
                meter.pay(page, prompt)
            return False
        return self.say(writer, 200, meter.pay(page, prompt))

    def say(self, writer: asyncio.StreamWriter, status: int, value: object, more: str = "") -> bool:
        """Send JSON."""
        data = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}"
        writer.write(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
        return True


async def main(folder: str, seed: str, moody: str) -> None:
    """Serve until standard input ends."""
    meter = Meter(int(seed))
    server = await asyncio.start_server(Server(meter, moody=moody == "moody").talk, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    Path(folder, "meter.json").write_text(json.dumps(meter.as_dict()), "utf-8")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
