"""One request every 4 s, however long they take: a limit of a rate, not of how many run at once."""

import asyncio

SECOND = 0.01


class RateLimiter:
    """Lets one through each period; whoever comes too early waits for a turn."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._next = 0.0

    async def turn(self) -> None:
        now = asyncio.get_running_loop().time()
        mine = max(self._next, now)
        self._next = mine + self._period
        await asyncio.sleep(mine - now)


async def request(number: int) -> None:
    await asyncio.sleep(40 * SECOND)
    print("answer", number)


async def main() -> None:
    clock = asyncio.get_running_loop().time
    limiter, began = RateLimiter(4 * SECOND), clock()
    async with asyncio.TaskGroup() as requests:
        for number in range(1, 6):
            await limiter.turn()
            print("request", number)
            requests.create_task(request(number))
        if clock() - began > 15 * SECOND:
            print("the fifth was held back for 16 s")
    if clock() - began < 120 * SECOND:
        print("none waited for another's answer")


asyncio.run(main())
