"""Three awaits in a loop: an item begins when the one before it has passed all stages."""

import asyncio
from time import perf_counter

SECOND = 0.01


async def double(data: int) -> int:
    await asyncio.sleep(4 * SECOND)
    return data * 2


async def add_ten(data: int) -> int:
    await asyncio.sleep(4 * SECOND)
    return data + 10


async def square(data: int) -> int:
    await asyncio.sleep(4 * SECOND)
    return data**2


async def main() -> None:
    began = perf_counter()
    results = []
    for item in [1, 2, 3, 4, 5]:
        results.append(await square(await add_ten(await double(item))))
    took = perf_counter() - began
    print(*results)
    if took < 15 * 4 * SECOND:
        print("Less than the time of 15 steps: the stages overlap")
    else:
        print("The time of all 15 steps: one item after another")


asyncio.run(main())
