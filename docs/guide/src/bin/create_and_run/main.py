"""A coroutine does nothing until it is awaited or made a task."""

import asyncio

SECOND = 0.01


async def hello(name: str) -> None:
    print(f"Hello from {name}")
    await asyncio.sleep(SECOND)
    print(f"World of {name}")


async def main() -> None:
    await hello("the one awaited")
    task = asyncio.create_task(hello("the task"))
    print("The task is made")
    await task


asyncio.run(main())
