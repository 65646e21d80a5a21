"""Receives once without waiting, then receives news or mail until both have ended."""

import asyncio

SECOND = 0.01

Queue = asyncio.Queue[str | None]


async def deliver(queue: Queue, items: list[str], first: float) -> None:
    await asyncio.sleep(first * SECOND)
    for item in items:
        await queue.put(item)
        await asyncio.sleep(40 * SECOND)
    await queue.put(None)


async def main() -> None:
    news, mail = Queue(10), Queue(10)
    async with asyncio.TaskGroup() as group:
        group.create_task(deliver(news, ["rain", "sun"], first=20))
        group.create_task(deliver(mail, ["a letter", "a card"], first=40))

        try:
            print("news:", news.get_nowait())
        except asyncio.QueueEmpty:
            print("nothing yet")

        waiting = {
            group.create_task(news.get()): ("news", news),
            group.create_task(mail.get()): ("mail", mail),
        }
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name, queue = waiting.pop(task)
                if (item := task.result()) is not None:
                    print(f"{name}: {item}")
                    waiting[group.create_task(queue.get())] = (name, queue)
    print("both are at their end")


asyncio.run(main())
