"""Ten jobs run at once. Their results are in the order of the input."""

import asyncio
from time import perf_counter

SECOND = 0.01


async def worker(job: int) -> int:
    await asyncio.sleep(4 * SECOND)
    return job * 2


async def one_after_another(jobs: range) -> list[int]:
    return [await worker(job) for job in jobs]


async def fan_out_fan_in(jobs: range) -> list[int]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker(job)) for job in jobs]
    return [task.result() for task in tasks]


async def main() -> None:
    began = perf_counter()
    results = await fan_out_fan_in(range(10))
    at_once = perf_counter() - began
    print(*results)

    began = perf_counter()
    if await one_after_another(range(10)) == results:
        print("One after another: the same results")
    if perf_counter() - began > 2 * at_once:
        print("At once: less than half the time")


asyncio.run(main())
