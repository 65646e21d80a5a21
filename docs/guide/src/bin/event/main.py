"""Three guests wait for the door to open; who comes later does not wait."""

import asyncio

SECOND = 0.01


async def visit(door, guest):
    await door.wait()
    print(f"guest {guest} goes in")


async def main():
    door = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for guest in ["A", "B", "C"]:
            group.create_task(visit(door, guest))
        await asyncio.sleep(3 * SECOND)
        print("the door opens")
        door.set()
    print("all are in")
    await visit(door, "D")


asyncio.run(main())
