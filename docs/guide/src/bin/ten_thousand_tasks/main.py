"""Ten thousand concurrent tasks of 1 ms each, compared with a thousand sequential awaits."""

import asyncio
from time import perf_counter

SECOND = 0.01


async def io_task() -> int:
    await asyncio.sleep(SECOND / 10)
    return 1


async def main() -> None:
    began = perf_counter()
    done = await asyncio.gather(*(io_task() for _ in range(10_000)))
    at_once = perf_counter() - began
    print(f"{sum(done)} tasks at once")

    began = perf_counter()
    for _ in range(1_000):
        await io_task()
    thousand = perf_counter() - began
    print("1000 one after another")
    if at_once < 5 * thousand:
        print("Ten times as many took less than five times as long")


asyncio.run(main())
