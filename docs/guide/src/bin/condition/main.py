"""A withdrawal waits until the balance is sufficient, and checks again after every deposit."""

import asyncio

SECOND = 0.01


class Account:
    def __init__(self) -> None:
        self.balance = 0
        self.changed = asyncio.Condition()

    async def deposit(self, amount: int) -> None:
        async with self.changed:
            self.balance += amount
            print(f"deposit of {amount}: the balance is {self.balance}")
            self.changed.notify_all()

    async def withdraw(self, amount: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.balance >= amount)
            self.balance -= amount
            print(f"withdrawal of {amount}: the balance is {self.balance}")


async def main() -> None:
    account = Account()
    async with asyncio.TaskGroup() as group:
        group.create_task(account.withdraw(80))
        for _ in range(3):
            await asyncio.sleep(2 * SECOND)
            await account.deposit(30)


asyncio.run(main())
