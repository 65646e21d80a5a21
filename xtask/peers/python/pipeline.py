"""Items that pass through stages that do nothing, a bounded queue before, between and after them."""

import asyncio
from functools import partial

from protocol import Outcome, Stopwatch, on_both_loops, outcome

STAGES = 3

Queue = asyncio.Queue[int | None]


async def queues(items: int, *, capacity: int) -> Outcome:
    """A task for the source, for each stage and for the collector. None marks the end."""
    watch = Stopwatch()

    async def source(to: Queue) -> None:
        for item in range(items):
            await to.put(item)
        await to.put(None)

    async def stage(before: Queue, after: Queue) -> None:
        while (item := await before.get()) is not None:
            await after.put(item)
        await after.put(None)

    async def collect(before: Queue) -> int:
        collected = 0
        while (item := await before.get()) is not None:
            collected += item
        return collected

    between = [Queue(capacity) for _ in range(STAGES + 1)]
    async with asyncio.TaskGroup() as group:
        group.create_task(source(between[0]))
        for before, after in zip(between, between[1:]):
            group.create_task(stage(before, after))
        collecting = group.create_task(collect(between[-1]))

    return outcome(collecting.result(), ms=watch.ms())


SUBJECTS = [
    *on_both_loops("pipeline-cap10", "queues", partial(queues, capacity=10)),
    *on_both_loops("pipeline-cap1024", "queues", partial(queues, capacity=1024)),
]
