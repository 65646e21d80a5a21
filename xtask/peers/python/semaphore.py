"""Tasks that share a few permits."""

import asyncio

from protocol import Outcome, Stopwatch, on_both_loops, outcome

TASKS = 100
PERMITS = 3


async def semaphore(items: int) -> Outcome:
    watch = Stopwatch()
    permits = asyncio.Semaphore(PERMITS)

    async def use() -> int:
        acquired = 0
        for _ in range(items // TASKS):
            async with permits:
                acquired += 1
        return acquired

    acquired = await asyncio.gather(*(use() for _ in range(TASKS)))
    answer = sum(acquired)
    return outcome(answer, ms=watch.ms())


SUBJECTS = on_both_loops("semaphore", "Semaphore", semaphore)
