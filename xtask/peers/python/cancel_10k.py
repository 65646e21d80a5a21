"""Tasks that would sleep for an hour, and the time until the last of them is gone."""

import asyncio

from protocol import Outcome, Stopwatch, on_asyncio, outcome


class Stop(Exception):
    """Raised in a task group to end the group, as in the documentation of asyncio."""


async def task_group(items: int) -> Outcome:
    cancelled = 0

    async def sleeper() -> None:
        nonlocal cancelled
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled += 1
            raise

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(items):
                group.create_task(sleeper())
            await asyncio.sleep(0)  # After one turn of the loop, all tasks sleep.
            watch = Stopwatch()
            raise Stop
    except* Stop:
        ms = watch.ms()
    return outcome(cancelled, ms=ms)


SUBJECTS = on_asyncio("cancel-10k", "TaskGroup", task_group)
