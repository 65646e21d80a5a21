"""Items that pass, one by one, from producers to consumers through one bounded queue."""

import asyncio
from functools import partial

from protocol import Outcome, Stopwatch, on_both_loops, outcome


async def queue(items: int, *, producers: int, consumers: int, capacity: int) -> Outcome:
    watch = Stopwatch()
    queue: asyncio.Queue[int | None] = asyncio.Queue(capacity)

    async def produce(share: int) -> None:
        for item in range(items * share // producers, items * (share + 1) // producers):
            await queue.put(item)

    async def consume() -> int:
        taken = 0
        while (item := await queue.get()) is not None:
            taken += item
        return taken

    async with asyncio.TaskGroup() as group:
        consuming = [group.create_task(consume()) for _ in range(consumers)]
        await asyncio.gather(*(produce(share) for share in range(producers)))
        # The queue keeps the order, so one sentinel for each consumer is enough: the calls of
        # task_done() and join() are not needed.
        for _ in range(consumers):
            await queue.put(None)

    answer = sum(task.result() for task in consuming)
    return outcome(answer, ms=watch.ms())


SUBJECTS = [
    *on_both_loops("queue-cap10", "Queue", partial(queue, producers=1, consumers=3, capacity=10)),
    *on_both_loops("queue-cap1024", "Queue", partial(queue, producers=1, consumers=3, capacity=1024)),
    *on_both_loops("queue-mn", "Queue", partial(queue, producers=4, consumers=4, capacity=128)),
]
