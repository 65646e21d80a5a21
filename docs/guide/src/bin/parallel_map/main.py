"""Maps the items of a stream, three at a time. The results are in the order of the items."""

import asyncio
from collections.abc import AsyncIterator

SECOND = 0.01


async def numbers() -> AsyncIterator[int]:
    for number in range(1, 9):
        await asyncio.sleep(0)  # a real source reads here
        yield number


class Squares:
    running = most = 0

    async def square(self, number: int) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep((12 if number % 2 else 6) * SECOND)
        self.running -= 1
        return number * number


async def main() -> None:
    squares = Squares()
    slots = asyncio.Semaphore(3)  # an item holds a slot until its result is printed
    begun: asyncio.Queue[asyncio.Task[int] | None] = asyncio.Queue()

    async def begin(group: asyncio.TaskGroup) -> None:
        async for number in numbers():
            await slots.acquire()
            begun.put_nowait(group.create_task(squares.square(number)))
        begun.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(begin(group))
        while (task := await begun.get()) is not None:
            print(await task)
            slots.release()
    print("most at once:", squares.most)


asyncio.run(main())
