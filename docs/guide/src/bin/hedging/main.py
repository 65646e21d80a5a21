"""Sends a second request if the first is slow. The first answer cancels the other request."""

import asyncio

SECOND = 0.01


async def ask(replica: str, seconds: float) -> str:
    print("asking", replica)
    await asyncio.sleep(seconds * SECOND)
    return f"answer of {replica}"


async def hedged(first: tuple[str, float], second: tuple[str, float]) -> str:
    tasks = [asyncio.create_task(ask(*first))]
    try:
        done, _ = await asyncio.wait(tasks, timeout=20 * SECOND)
        if not done:
            tasks.append(asyncio.create_task(ask(*second)))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def main() -> None:
    print(await hedged(("A", 2), ("B", 2)))
    print(await hedged(("C", 100), ("D", 2)))


asyncio.run(main())
