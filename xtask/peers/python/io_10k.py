"""Jobs that wait 1 ms, all of them at once."""

import asyncio

from protocol import Outcome, Stopwatch, memory_kib, on_both_loops, outcome


async def io_job(item: int) -> int:
    """Simulate a call over the network."""
    await asyncio.sleep(0.001)
    return item


async def gather(items: int) -> Outcome:
    watch = Stopwatch()
    outputs = await asyncio.gather(*(io_job(item) for item in range(items)))
    answer = sum(outputs)
    return outcome(answer, ms=watch.ms(), peak_kib=memory_kib("VmHWM"))


SUBJECTS = on_both_loops("io-10k", "gather", gather)
