"""Before `asyncio.run`: an explicit event loop, and an explicit await of the task."""

import asyncio

SECOND = 0.01


async def hello() -> None:
    print("Hello")
    await asyncio.sleep(40 * SECOND)
    print("World")


async def main() -> None:
    await hello()
    print("Now as a task")
    task = asyncio.ensure_future(hello())
    await asyncio.sleep(20 * SECOND)
    print("Meanwhile, in main")
    await task


loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main())
finally:
    loop.close()
