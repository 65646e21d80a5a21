"""The older form: each item passes through all stages before the next item starts."""

import asyncio

SECOND = 0.01


async def stage1(data: int) -> int:
    await asyncio.sleep(SECOND)
    return data * 2


async def stage2(data: int) -> int:
    await asyncio.sleep(SECOND)
    return data + 10


async def stage3(data: int) -> int:
    await asyncio.sleep(SECOND)
    return data**2


async def pipeline(items: list[int]) -> None:
    for item in items:
        result = await stage1(item)
        result = await stage2(result)
        result = await stage3(result)
        print(f"Pipeline result: {result}")


asyncio.run(pipeline([1, 2, 3, 4, 5]))
