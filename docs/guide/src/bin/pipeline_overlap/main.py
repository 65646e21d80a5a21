"""Three awaits in a loop. An item starts after the previous item has passed through all stages."""

import asyncio

SECOND = 0.01


class Steps:
    running = most = 0

    async def work(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(4 * SECOND)
        self.running -= 1

    async def double(self, data: int) -> int:
        await self.work()
        return data * 2

    async def add_ten(self, data: int) -> int:
        await self.work()
        return data + 10

    async def square(self, data: int) -> int:
        await self.work()
        return data**2


async def main() -> None:
    steps = Steps()
    results = []
    for item in [1, 2, 3, 4, 5]:
        doubled = await steps.double(item)
        added = await steps.add_ten(doubled)
        results.append(await steps.square(added))
    print(*results)
    print("Most steps at once:", steps.most)


asyncio.run(main())
