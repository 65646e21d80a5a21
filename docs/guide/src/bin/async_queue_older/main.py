"""The older form: an unbounded queue, and `gather` to wait for the producer and the consumer."""

import asyncio

SECOND = 0.01


async def producer(queue: asyncio.Queue[int | None]) -> None:
    for i in range(5):
        await asyncio.sleep(SECOND)
        await queue.put(i)
        print(f"Produced: {i}")
    await queue.put(None)


async def consumer(queue: asyncio.Queue[int | None]) -> None:
    while True:
        item = await queue.get()
        if item is None:
            break
        print(f"Consumed: {item}")
        await asyncio.sleep(0.5 * SECOND)


async def main() -> None:
    queue: asyncio.Queue[int | None] = asyncio.Queue()
    await asyncio.gather(producer(queue), consumer(queue))


asyncio.run(main())
