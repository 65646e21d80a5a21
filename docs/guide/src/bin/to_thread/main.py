"""Blocking calls run on threads. The event loop runs other tasks meanwhile."""

import asyncio
import time

SECOND = 0.01


def digest(file: str) -> str:
    time.sleep(15 * SECOND)  # a library that blocks
    return f"digest of {file}"


async def heartbeat(beats: list[str]) -> None:
    while True:
        await asyncio.sleep(SECOND)
        beats.append("beat")


async def main() -> None:
    files = ["a", "b", "c", "d"]
    beats: list[str] = []
    heart = asyncio.create_task(heartbeat(beats))
    began = time.monotonic()
    calls = (asyncio.to_thread(digest, file) for file in files)
    for result in await asyncio.gather(*calls):
        print(result)
    together = time.monotonic() - began
    heart.cancel()
    if len(beats) >= 3:
        print("other tasks ran meanwhile")

    began = time.monotonic()
    loop = asyncio.get_running_loop()
    for file in files:
        await loop.run_in_executor(None, digest, file)  # the older call
    if together < time.monotonic() - began:
        print("one after another takes longer")


asyncio.run(main())
