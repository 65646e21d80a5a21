"""Prints results in the order of completion, not in the order of the input."""

import asyncio

SECOND = 0.01


async def fetch(page: str, seconds: float) -> str:
    await asyncio.sleep(seconds * SECOND)
    return f"page {page} after {seconds} s"


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        pages = [("A", 45), ("B", 15), ("C", 30)]
        tasks = [group.create_task(fetch(page, seconds)) for page, seconds in pages]
        for ready in asyncio.as_completed(tasks):
            print(await ready)
    print("all", len(tasks), "pages are here")


asyncio.run(main())
