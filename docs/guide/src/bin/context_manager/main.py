"""A resource that is acquired and released with an await, and a guard that needs no await."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

SECOND = 0.01


class AsyncResource:
    async def __aenter__(self) -> Self:
        print("Acquiring resource")
        await asyncio.sleep(SECOND)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.sleep(SECOND)
        print("Releasing resource")

    async def do_work(self, what: str) -> None:
        print(what)
        await asyncio.sleep(2 * SECOND)


@asynccontextmanager
async def connection() -> AsyncIterator[AsyncResource]:
    async with AsyncResource() as resource:
        yield resource


@contextmanager
def guard() -> Iterator[None]:
    print("Opened")
    try:
        yield
    finally:
        print("Closed")


async def main() -> None:
    async with AsyncResource() as resource:
        await resource.do_work("Working...")
    print("Three jobs, one resource:")
    async with connection() as resource:
        for job in range(3):
            await resource.do_work(f"Job {job}")
    print("Without an await:")
    with guard():
        print("Inside")


asyncio.run(main())
