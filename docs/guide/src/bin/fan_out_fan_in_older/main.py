"""The older form: `gather` of a list."""

import asyncio

SECOND = 0.01


async def worker(job):
    await asyncio.sleep(SECOND)
    return job * 2


async def fan_out_fan_in(jobs):
    tasks = [worker(job) for job in jobs]
    return await asyncio.gather(*tasks)


async def main():
    for result in await fan_out_fan_in(range(10)):
        print(f"Result: {result}")


asyncio.run(main())
