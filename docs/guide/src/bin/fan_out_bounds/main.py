"""`gather` starts all jobs at once. A semaphore limits the running jobs, but not the tasks."""

import asyncio
from contextlib import nullcontext

SECOND = 0.01


class AtOnce:
    now = most = 0

    async def job(self, limit: asyncio.Semaphore | nullcontext[None]) -> None:
        async with limit:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(SECOND)
            self.now -= 1


async def main() -> None:
    at_once = AtOnce()
    await asyncio.gather(*(at_once.job(nullcontext()) for _ in range(100)))
    print(f"gather of 100: {at_once.most} at once")

    at_once, semaphore = AtOnce(), asyncio.Semaphore(50)
    jobs = asyncio.gather(*(at_once.job(semaphore) for _ in range(100)))
    await asyncio.sleep(0)
    tasks = len(asyncio.all_tasks()) - 1
    await jobs
    print(f"gather of 100 with Semaphore(50): {at_once.most} at once, in {tasks} tasks")


asyncio.run(main())
