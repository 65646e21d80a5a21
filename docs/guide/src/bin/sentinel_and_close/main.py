"""A sentinel ends only the consumer that gets it. The other consumers never end."""

import asyncio

SECOND = 0.01


async def consumer(queue: asyncio.Queue[int | None]) -> None:
    while await queue.get() is not None:
        pass


async def end_with(sentinels: int) -> None:
    queue: asyncio.Queue[int | None] = asyncio.Queue()
    for item in range(6):
        await queue.put(item)
    for _ in range(sentinels):
        await queue.put(None)
    consumers = [asyncio.create_task(consumer(queue)) for _ in range(3)]
    ended, waiting = await asyncio.wait(consumers, timeout=20 * SECOND)
    print(f"Sentinels: {sentinels}; consumers that ended: {len(ended)} of 3")
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def main() -> None:
    await end_with(sentinels=1)
    await end_with(sentinels=3)


asyncio.run(main())
