"""An asynchronous generator. The generator awaits before each item."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

SECOND = 0.01


async def numbers(n: int) -> AsyncGenerator[int, None]:
    try:
        for i in range(1, n + 1):
            await asyncio.sleep(0.5 * SECOND)
            yield i
    finally:
        print("The generator is closed")


async def main() -> None:
    async for i in numbers(3):
        print(f"Got: {i}")
    async with aclosing(numbers(1_000_000)) as endless:
        async for i in endless:
            print(f"Got: {i}, enough")
            break


asyncio.run(main())
