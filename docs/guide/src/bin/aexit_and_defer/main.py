"""`__aexit__` gets the exception, can await, and also runs when the task is cancelled."""

import asyncio

SECOND = 0.01


class Resource:
    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        await asyncio.sleep(SECOND)
        after = exc_type.__name__ if exc_type else "success"
        print(f"Released with an await, after {after}")


async def work(seconds: float, fails: bool = False) -> None:
    async with Resource():
        await asyncio.sleep(seconds * SECOND)
        if fails:
            raise ValueError("no such row")


async def main() -> None:
    await work(1)
    try:
        await work(1, fails=True)
    except ValueError as error:
        print(f"Error: {error}")
    try:
        async with asyncio.timeout(5 * SECOND):
            await work(100)
    except TimeoutError:
        print("Timeout!")


asyncio.run(main())
