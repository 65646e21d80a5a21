"""A lock for a step with an await. A step without an await needs no lock in asyncio."""

import asyncio

SECOND = 0.01


class Account:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.balance = 100
        self.requests = 0

    async def withdraw(self, amount: int) -> None:
        self.requests += 1  # no await in between, so no lock
        async with self.lock:
            balance = self.balance
            await asyncio.sleep(SECOND)  # asks the bank
            self.balance = balance - amount


async def main() -> None:
    account = Account()
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(account.withdraw(10))
    print("requests:", account.requests)
    print("balance:", account.balance)


asyncio.run(main())
