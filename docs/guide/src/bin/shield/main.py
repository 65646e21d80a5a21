"""A request times out. The save that the request has started is not cancelled."""

import asyncio

SECOND = 0.01


async def save(rows: int) -> int:
    await asyncio.sleep(20 * SECOND)
    print("the saving is done")
    return rows


async def main() -> None:
    saving = asyncio.create_task(save(3))
    try:
        async with asyncio.timeout(2 * SECOND):
            rows = await asyncio.shield(saving)
            print("saved in time:", rows, "rows")
    except TimeoutError:
        print("the request is out of time")
    print("saved all the same:", await saving, "rows")


asyncio.run(main())
