"""Periodic work: the duration of the work is not added to the period."""

import asyncio

SECOND = 0.01


async def work() -> None:
    await asyncio.sleep(8 * SECOND)


async def main() -> None:
    clock = asyncio.get_running_loop().time
    began = beat = clock()
    for count in range(1, 6):
        beat += 10 * SECOND
        await asyncio.sleep(beat - clock())
        print("tick", count)
        await work()
    steady = clock() - began

    began = clock()
    for _ in range(5):
        await asyncio.sleep(10 * SECOND)
        await work()
    if steady < clock() - began:
        print("a sleep before each work takes longer")


asyncio.run(main())
