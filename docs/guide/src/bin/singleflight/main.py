"""Five concurrent calls for one page share a single load. A later call loads the page again."""

import asyncio

SECOND = 0.01


class Pages:
    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[str]] = {}
        self.loads = 0

    async def _load(self, name: str) -> str:
        self.loads += 1
        await asyncio.sleep(20 * SECOND)
        return f"{name}, version {self.loads}"

    async def get(self, name: str) -> str:
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = asyncio.create_task(self._load(name))
            flight.add_done_callback(lambda _: self._flights.pop(name))
        return await asyncio.shield(flight)  # a cancelled caller does not stop the load


async def main() -> None:
    pages = Pages()
    callers = [pages.get("home") for _ in range(5)]
    for page in await asyncio.gather(*callers):
        print(page)
    print("later:", await pages.get("home"))
    print(pages.loads, "loads for 6 calls")


asyncio.run(main())
