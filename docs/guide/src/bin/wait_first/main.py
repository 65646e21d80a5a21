"""Requests one file from three mirrors. The first answer cancels the other requests."""

import asyncio

SECOND = 0.01


async def ask(mirror: str, seconds: float) -> str:
    await asyncio.sleep(seconds * SECOND)
    return f"the file, from mirror {mirror}"


async def main() -> None:
    mirrors = [("A", 60), ("B", 2), ("C", 30)]
    tasks = [asyncio.create_task(ask(mirror, seconds)) for mirror, seconds in mirrors]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        print(task.result())

    for task in pending:
        task.cancel()
    await asyncio.wait(pending)
    print(sum(task.cancelled() for task in pending), "others were stopped")


asyncio.run(main())
