"""Tasks that wait for an event, and the memory of each of them meanwhile."""

import asyncio

from protocol import Outcome, memory_kib, on_asyncio, outcome


async def tasks(items: int) -> Outcome:
    before = memory_kib("VmRSS")
    release = asyncio.Event()

    async def waiter() -> bool:
        return await release.wait()

    waiting = [asyncio.create_task(waiter()) for _ in range(items)]
    await asyncio.sleep(0)  # After one turn of the loop, all tasks wait.
    during = memory_kib("VmRSS")
    release.set()
    released = await asyncio.gather(*waiting)

    bytes_each = None
    if before is not None and during is not None:
        bytes_each = (during - before) * 1024 / items
    return outcome(sum(released), bytes_each=bytes_each)


SUBJECTS = on_asyncio("memory-100k", "tasks", tasks)
