"""The older form: `task_done` for each item, `join` for all items, a sentinel for each consumer."""

import asyncio
from asyncio import Queue

SECOND = 0.01


async def producer(queue: Queue[int | None], n: int) -> None:
    for i in range(n):
        await asyncio.sleep(SECOND)
        await queue.put(i)
        print(f"Produced {i}")


async def consumer(queue: Queue[int | None]) -> None:
    while True:
        item = await queue.get()
        if item is None:
            queue.task_done()
            break
        print(f"Consumed {item}")
        await asyncio.sleep(2 * SECOND)
        queue.task_done()


async def main() -> None:
    queue: Queue[int | None] = Queue()
    producer_task = asyncio.create_task(producer(queue, 10))
    consumers = [asyncio.create_task(consumer(queue)) for _ in range(3)]

    await producer_task
    await queue.join()
    for _ in range(3):
        await queue.put(None)
    await asyncio.gather(*consumers)
    print("Everything is consumed")


asyncio.run(main())
