"""Each item of a stream is worked on, three at a time; the results come in the order of the items."""

import asyncio
from time import monotonic

SECOND = 0.01


async def numbers():
    for number in range(1, 9):
        await asyncio.sleep(0)  # where it would read the next one
        yield number


async def square(number):
    await asyncio.sleep((12 if number % 2 else 6) * SECOND)
    return number * number


async def main():
    began = monotonic()
    slots = asyncio.Semaphore(3)  # taken by an item until its result is
    begun = asyncio.Queue()

    async def begin(group):
        async for number in numbers():
            await slots.acquire()
            begun.put_nowait(group.create_task(square(number)))
        begun.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(begin(group))
        while task := await begun.get():
            print(await task)
            slots.release()
    if monotonic() - began < 56 * SECOND:
        print("faster than the 72 s of one after another")


asyncio.run(main())
