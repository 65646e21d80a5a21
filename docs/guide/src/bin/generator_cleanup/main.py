"""A generator that is abandoned before its end is cleaned up immediately."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

SECOND = 0.01


async def rows() -> AsyncGenerator[int, None]:
    print("cursor opened")
    try:
        for number in range(1, 1_000_000):
            await asyncio.sleep(SECOND)
            yield number
    finally:
        print("cursor closed")


async def main() -> None:
    async with aclosing(rows()) as cursor:
        async for row in cursor:
            print("row", row)
            if row == 2:
                break
    print("after the loop")

    async with aclosing(rows()) as cursor:
        print("first row", await anext(cursor))
    print("after the first")


asyncio.run(main())
