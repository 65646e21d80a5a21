"""Three requests need the settings. The first request loads them once; the others wait."""

import asyncio

SECOND = 0.01


class Settings:
    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._port: int | None = None

    async def port(self) -> int:
        async with self._lock:
            if self._port is None:
                print("loading the settings")
                await asyncio.sleep(2 * SECOND)
                self._port = 8080
            return self._port


async def request(name: str, settings: Settings) -> None:
    print(f"request {name} uses port {await settings.port()}")


async def main() -> None:
    settings = Settings()
    async with asyncio.TaskGroup() as group:
        for name in ["A", "B", "C"]:
            group.create_task(request(name, settings))
    print("once more:", await settings.port())


asyncio.run(main())
