"""Ten downloads, three at once."""

import asyncio

SECOND = 0.01


class Downloads:
    def __init__(self) -> None:
        self.semaphore = asyncio.Semaphore(3)
        self.running = self.most = 0

    async def download(self, url: str) -> str:
        async with self.semaphore:
            self.running += 1
            self.most = max(self.most, self.running)
            print(f"Downloading {url}")
            await asyncio.sleep(5 * SECOND)
            self.running -= 1
        print(f"Downloaded {url}")
        return f"Content from {url}"


async def main() -> None:
    downloads = Downloads()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(downloads.download(f"url{i}")) for i in range(10)]
    contents = [task.result() for task in tasks]
    print(f"Downloaded {len(contents)} files, at most {downloads.most} at once")
    print(f"The last: {contents[-1]}")


asyncio.run(main())
