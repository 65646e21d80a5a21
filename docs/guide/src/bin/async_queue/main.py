"""One task puts, another gets. `None` marks the end of the items."""

import asyncio

SECOND = 0.01


async def producer(queue: asyncio.Queue[int | None]) -> None:
    for item in range(5):
        await asyncio.sleep(SECOND)
        await queue.put(item)
        print(f"Produced: {item}")
    await queue.put(None)


async def consumer(queue: asyncio.Queue[int | None]) -> None:
    while (item := await queue.get()) is not None:
        print(f"Consumed: {item}")
        await asyncio.sleep(0.5 * SECOND)
    print("The queue has ended")


async def main() -> None:
    queue: asyncio.Queue[int | None] = asyncio.Queue(maxsize=10)
    async with asyncio.TaskGroup() as group:
        group.create_task(producer(queue))
        group.create_task(consumer(queue))


asyncio.run(main())
