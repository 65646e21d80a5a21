"""The older form: `gather` with a list of coroutines, each of which acquires the semaphore."""

import asyncio

SECOND = 0.01


async def download(url: str, semaphore: asyncio.Semaphore) -> str:
    async with semaphore:
        print(f"Downloading {url}")
        await asyncio.sleep(5 * SECOND)
        print(f"Downloaded {url}")
        return f"Content from {url}"


async def main() -> None:
    semaphore = asyncio.Semaphore(3)
    urls = [f"url{i}" for i in range(10)]
    tasks = [download(url, semaphore) for url in urls]
    results = await asyncio.gather(*tasks)
    print(f"Downloaded {len(results)} files")


asyncio.run(main())
