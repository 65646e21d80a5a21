"""Calls that block go to threads; meanwhile the event loop goes on."""

import asyncio
import time

SECOND = 0.01


def digest(file: str) -> str:
    time.sleep(30 * SECOND)  # a library that knows nothing of asyncio
    return f"digest of {file}"


async def heartbeat(beats: list[str]) -> None:
    while True:
        await asyncio.sleep(SECOND)
        beats.append("beat")


async def main() -> None:
    beats: list[str] = []
    heart = asyncio.create_task(heartbeat(beats))
    began = time.monotonic()
    calls = (asyncio.to_thread(digest, file) for file in ["a", "b", "c", "d"])
    for result in await asyncio.gather(*calls):
        print(result)
    together = time.monotonic() - began
    heart.cancel()
    if len(beats) >= 3:
        print("other tasks ran meanwhile")
    if together < 100 * SECOND:
        print("faster than the 120 s of one after another")


asyncio.run(main())
