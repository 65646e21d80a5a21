"""Calls that block go to threads; meanwhile the event loop goes on."""

import asyncio
import time

SECOND = 0.01


def digest(file):
    time.sleep(10 * SECOND)  # a library that knows nothing of asyncio
    return f"digest of {file}"


async def heartbeat(beats):
    while True:
        await asyncio.sleep(SECOND)
        beats.append("beat")


async def main():
    beats = []
    heart = asyncio.create_task(heartbeat(beats))
    began = time.monotonic()
    calls = (asyncio.to_thread(digest, file) for file in ["a", "b", "c", "d"])
    for result in await asyncio.gather(*calls):
        print(result)
    together = time.monotonic() - began
    heart.cancel()
    if len(beats) >= 3:
        print("other tasks ran meanwhile")
    if together < 35 * SECOND:
        print("faster than the 40 s of one after another")


asyncio.run(main())
