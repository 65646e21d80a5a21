"""One producer, three consumers, a queue of capacity ten. Each consumer gets its own sentinel."""

import asyncio

SECOND = 0.01


async def producer(queue: asyncio.Queue[int | None], n: int) -> None:
    for item in range(n):
        await asyncio.sleep(SECOND)
        await queue.put(item)
        print(f"Produced {item}")


async def consumer(queue: asyncio.Queue[int | None]) -> int:
    count = 0
    while (item := await queue.get()) is not None:
        await asyncio.sleep(2 * SECOND)
        print(f"Consumed {item}")
        count += 1
    return count


async def main() -> None:
    queue: asyncio.Queue[int | None] = asyncio.Queue(maxsize=10)
    async with asyncio.TaskGroup() as group:
        consumers = [group.create_task(consumer(queue)) for _ in range(3)]
        await producer(queue, 10)
        for _ in consumers:
            await queue.put(None)
    print(f"All {sum(task.result() for task in consumers)} are consumed")


asyncio.run(main())
