"""The older form: a class with `__aiter__` and `__anext__`."""

import asyncio
from typing import Self

SECOND = 0.01


class AsyncIterator:
    def __init__(self, n: int) -> None:
        self.n = n
        self.i = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        if self.i < self.n:
            await asyncio.sleep(0.5 * SECOND)
            self.i += 1
            return self.i
        raise StopAsyncIteration


async def main() -> None:
    async for i in AsyncIterator(5):
        print(f"Got: {i}")


asyncio.run(main())
