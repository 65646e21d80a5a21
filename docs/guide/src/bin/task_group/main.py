"""A task group: the first failure stops the other tasks, and the group waits for all tasks."""

import asyncio

SECOND = 0.01


async def load(table: str, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds * SECOND)
    except asyncio.CancelledError:
        print(f"{table} was stopped")
        raise
    if table == "prices":
        raise LookupError(f"{table} failed: no such table")
    print(f"{table} loaded")


async def main() -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(load("users", 2))
            group.create_task(load("prices", 20))
            group.create_task(load("orders", 200))
    except* LookupError as failures:
        for failure in failures.exceptions:
            print(failure)


asyncio.run(main())
