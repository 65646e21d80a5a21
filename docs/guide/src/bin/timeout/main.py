"""A time limit on one await, a time limit on a block, and a task that completes in time."""

import asyncio

SECOND = 0.01


async def task(seconds: float) -> str:
    await asyncio.sleep(seconds * SECOND)
    return "Done"


async def main() -> None:
    try:
        print(await asyncio.wait_for(task(50), 5 * SECOND))
    except TimeoutError:
        print("One call: Timeout!")

    try:
        async with asyncio.timeout(5 * SECOND):
            print(await task(50))
    except TimeoutError:
        print("A block: Timeout!")

    async with asyncio.timeout(50 * SECOND):
        print(f"In time: {await task(1)}")


asyncio.run(main())
