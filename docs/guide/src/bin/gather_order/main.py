"""`gather` returns results in the order of its arguments, not of completion."""

import asyncio

SECOND = 0.01


async def task(name: str, delay: float) -> str:
    await asyncio.sleep(delay)
    print(f"{name} completed")
    return name


async def main() -> None:
    results = await asyncio.gather(
        task("Task 1", 5 * SECOND),
        task("Task 2", 35 * SECOND),
        task("Task 3", 20 * SECOND),
    )
    print(f"gather: {', '.join(results)}")


asyncio.run(main())
