"""Three stages with queues between them. The first stage doubles while the last squares."""

import asyncio
from collections.abc import Callable

SECOND = 0.01

Queue = asyncio.Queue[int | None]


async def stage(work: Callable[[int], int], inbox: Queue, outbox: Queue) -> None:
    while (data := await inbox.get()) is not None:
        await asyncio.sleep(SECOND)
        await outbox.put(work(data))
    await outbox.put(None)


async def feed(items: list[int], outbox: Queue) -> None:
    for item in items:
        await outbox.put(item)
    await outbox.put(None)


async def main() -> None:
    a, b, c, d = (Queue(maxsize=1) for _ in range(4))
    async with asyncio.TaskGroup() as group:
        group.create_task(feed([1, 2, 3, 4, 5], a))
        group.create_task(stage(lambda data: data * 2, a, b))
        group.create_task(stage(lambda data: data + 10, b, c))
        group.create_task(stage(lambda data: data**2, c, d))
        while (result := await d.get()) is not None:
            print(f"Pipeline result: {result}")


asyncio.run(main())
