"""Every call and task of a request knows the user, without a parameter."""

import asyncio
from contextvars import ContextVar

SECOND = 0.01

user = ContextVar("user", default="nobody")


async def query(table: str) -> None:
    await asyncio.sleep(SECOND)
    print(f"[{user.get()}] reads {table}")


async def handle(name: str) -> None:
    user.set(name)
    async with asyncio.TaskGroup() as group:
        group.create_task(query("users"))
        group.create_task(query("orders"))


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(handle("ada"))
        group.create_task(handle("bob"))
    print("outside:", user.get())


asyncio.run(main())
