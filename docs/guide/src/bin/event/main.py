"""Three guests wait for the door to open. A later guest does not wait."""

import asyncio

SECOND = 0.01


async def visit(door: asyncio.Event, guest: str) -> None:
    await door.wait()
    print(guest, "goes in")


async def main() -> None:
    door = asyncio.Event()
    async with asyncio.TaskGroup() as guests:
        for _ in range(3):
            guests.create_task(visit(door, "a guest"))
        await asyncio.sleep(5 * SECOND)
        print("the door opens")
        door.set()
    print("all are in")
    await visit(door, "a late one")


asyncio.run(main())
