"""A coroutine runs where it is awaited. A task runs concurrently."""

import asyncio

SECOND = 0.01


async def hello() -> None:
    print("Hello")
    await asyncio.sleep(40 * SECOND)
    print("World")


async def main() -> None:
    await hello()
    print("Now as a task")
    async with asyncio.TaskGroup() as group:
        group.create_task(hello())
        await asyncio.sleep(20 * SECOND)
        print("Meanwhile, in main")


asyncio.run(main())
