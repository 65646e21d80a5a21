"""Three tasks at once. Their results are in the order of the arguments."""

import asyncio

SECOND = 0.01


async def task(name: str, delay: float) -> str:
    print(f"Started: {name}")
    await asyncio.sleep(delay)
    print(f"Completed: {name}")
    return f"Result from {name}"


async def main() -> None:
    results = await asyncio.gather(
        task("Task 1", 10 * SECOND),
        task("Task 2", 50 * SECOND),
        task("Task 3", 30 * SECOND),
    )
    print(", ".join(results))


asyncio.run(main())
