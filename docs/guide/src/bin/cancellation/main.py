"""Cancellation raises `CancelledError` at the await of a task. The task cleans up and ends."""

import asyncio

SECOND = 0.01


async def work() -> None:
    print("Working")
    try:
        await asyncio.sleep(100 * SECOND)
        print("never printed")
    finally:
        print("Cleaning up")


async def main() -> None:
    task = asyncio.create_task(work())
    await asyncio.sleep(10 * SECOND)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("The task was cancelled")

    tasks = [asyncio.create_task(asyncio.sleep(100 * SECOND)) for _ in range(3)]
    await asyncio.sleep(10 * SECOND)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    cancelled = sum(task.cancelled() for task in tasks)
    print(f"A group: {cancelled} of {len(tasks)} were cancelled")


asyncio.run(main())
