"""`gather` returns results in the order of its arguments, whichever finishes first."""

import asyncio

SECOND = 0.01


async def task(name: str, delay: float) -> str:
    await asyncio.sleep(delay)
    print(f"{name} completed")
    return name


async def main() -> None:
    results = await asyncio.gather(
        task("Task 1", 4 * SECOND),
        task("Task 2", 8 * SECOND),
        task("Task 3", 6 * SECOND),
    )
    print(f"gather: {', '.join(results)}")


asyncio.run(main())
