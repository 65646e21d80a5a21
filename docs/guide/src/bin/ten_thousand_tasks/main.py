"""Ten thousand tasks of a millisecond each, all at once, beside a hundred one after another."""

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
    for _ in range(100):
        await io_task()
    hundred = perf_counter() - began
    print("100 one after another")
    if at_once < 10 * hundred:
        print("A hundred times as many took less than ten times as long")


asyncio.run(main())
