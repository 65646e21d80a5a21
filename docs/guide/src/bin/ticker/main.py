"""Work at a steady beat: what the work takes is not added to the time between two beats."""

import asyncio

SECOND = 0.01


async def main() -> None:
    clock = asyncio.get_running_loop().time
    began = beat = clock()
    for count in range(1, 6):
        beat += 6 * SECOND
        await asyncio.sleep(beat - clock())
        print("tick", count)
        await asyncio.sleep(4 * SECOND)  # the work
    if clock() - began < 48 * SECOND:
        print("five beats and the last work: 34 s, not 50")


asyncio.run(main())
