"""Nine jobs, three workers. A free worker takes the next job."""

import asyncio
from collections.abc import Iterator

SECOND = 0.01


class Machine:
    def __init__(self) -> None:
        self.busy = self.most = 0

    async def square(self, number: int) -> int:
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(5 * SECOND)
        self.busy -= 1
        return number * number


async def worker(machine: Machine, jobs: Iterator[int]) -> None:
    for job in jobs:
        print(f"job {job}: {await machine.square(job)}")


async def main() -> None:
    machine = Machine()
    jobs = iter(range(1, 10))  # shared: each job goes to one worker
    async with asyncio.TaskGroup() as pool:
        for _ in range(3):
            pool.create_task(worker(machine, jobs))
    print("most at once:", machine.most)


asyncio.run(main())
