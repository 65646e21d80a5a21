"""A task group: the first failure stops the others, and the group waits for all of them."""

import asyncio
from time import monotonic

SECOND = 0.01


async def load(table: str, seconds: float) -> None:
    await asyncio.sleep(seconds * SECOND)
    if table == "prices":
        raise LookupError(f"{table} failed: no such table")
    print(f"{table} loaded")


async def main() -> None:
    began = monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(load("users", 2))
            group.create_task(load("prices", 20))
            group.create_task(load("orders", 200))
    except* LookupError as failures:
        for failure in failures.exceptions:
            print(failure)
    if monotonic() - began < 100 * SECOND:
        print("orders was stopped, not waited for")


asyncio.run(main())
