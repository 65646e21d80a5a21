"""A time limit for each step within a limit for the request. The earlier limit ends the step."""

import asyncio

SECOND = 0.01


async def step(name: str, limit: float, seconds: float) -> None:
    try:
        async with asyncio.timeout(limit * SECOND):
            await asyncio.sleep(seconds * SECOND)
            print(f"{name}: done")
    except TimeoutError:
        print(f"{name}: its own time is up")


async def main() -> None:
    try:
        async with asyncio.timeout(40 * SECOND):
            await step("cache", limit=3, seconds=100)
            await step("index", limit=20, seconds=2)
            await step("archive", limit=100, seconds=200)
    except TimeoutError:
        print("archive: the time of the request is up")


asyncio.run(main())
