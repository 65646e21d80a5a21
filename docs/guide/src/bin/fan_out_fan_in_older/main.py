"""The older form: `gather` with a list of coroutines."""

import asyncio
from collections.abc import Iterable

SECOND = 0.01


async def worker(job: int) -> int:
    await asyncio.sleep(SECOND)
    return job * 2


async def fan_out_fan_in(jobs: Iterable[int]) -> list[int]:
    tasks = [worker(job) for job in jobs]
    return await asyncio.gather(*tasks)


async def main() -> None:
    for result in await fan_out_fan_in(range(10)):
        print(f"Result: {result}")


asyncio.run(main())
