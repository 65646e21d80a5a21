"""Two tasks that pass one item back and forth, each through its own queue of capacity one."""

import asyncio

from protocol import Outcome, Stopwatch, on_both_loops, outcome


async def queues(items: int) -> Outcome:
    """Each pass adds 1 to the item; a round trip has two passes."""
    watch = Stopwatch()
    there: asyncio.Queue[int] = asyncio.Queue(1)
    back: asyncio.Queue[int] = asyncio.Queue(1)

    async def ping() -> int:
        item = 0
        for _ in range(items // 2):
            await there.put(item + 1)
            item = await back.get()
        return item

    async def pong() -> None:
        for _ in range(items // 2):
            await back.put(await there.get() + 1)

    answer, _ = await asyncio.gather(ping(), pong())
    return outcome(answer, ms=watch.ms())


SUBJECTS = on_both_loops("ping-pong", "Queue", queues)
