"""One request every 6 s: limits the rate of starts, not the number of running requests."""

import asyncio

SECOND = 0.01


class RateLimiter:
    """Admits one request per period. An early request waits for its turn."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._next = 0.0

    async def turn(self) -> None:
        now = asyncio.get_running_loop().time()
        mine = max(self._next, now)
        self._next = mine + self._period
        await asyncio.sleep(mine - now)


async def request(number: int) -> None:
    await asyncio.sleep(120 * SECOND)
    print("answer", number)


async def main() -> None:
    clock = asyncio.get_running_loop().time
    limiter = RateLimiter(6 * SECOND)
    waits: list[float] = []
    async with asyncio.TaskGroup() as requests:
        for number in range(1, 6):
            came = clock()
            await limiter.turn()
            waits.append(clock() - came)
            print("request", number)
            requests.create_task(request(number))
        first, *others = waits
        if sum(others) > 10 * first:
            print("the first went at once, the others were held back")


asyncio.run(main())
