"""Jobs that wait 1 ms, ten thousand at once."""

import asyncio

from io_10k import io_job
from protocol import Outcome, Stopwatch, memory_kib, on_both_loops, outcome

AT_ONCE = 10_000


async def semaphore(items: int) -> Outcome:
    watch = Stopwatch()
    permits = asyncio.Semaphore(AT_ONCE)
    outputs = []

    async def permitted(item: int) -> None:
        try:
            outputs.append(await io_job(item))
        finally:
            permits.release()

    # Acquired outside the task: only the tasks that may run exist, and a single waiter waits.
    # release() iterates over all waiters that were woken before in the same turn.
    async with asyncio.TaskGroup() as group:
        for item in range(items):
            await permits.acquire()
            group.create_task(permitted(item))

    answer = sum(outputs)
    return outcome(answer, ms=watch.ms(), peak_kib=memory_kib("VmHWM"))


SUBJECTS = on_both_loops("io-1m", "semaphore", semaphore)
