"""At most six requests, one for each host. A page waits for its host with or without a slot."""

import asyncio
from collections.abc import Awaitable, Callable

SECOND = 0.01
HOSTS, PAGES, SLOTS = 6, 10, 6

Page = tuple[int, int]


class Web:
    """Records the current requests and the fetched pages of each host."""

    def __init__(self) -> None:
        self._busy = [0] * HOSTS
        self.fetched: list[list[int]] = [[] for _ in range(HOSTS)]
        self.polite = True

    async def fetch(self, page: Page) -> None:
        host, number = page
        self._busy[host] += 1
        self.polite &= self._busy[host] == 1
        self.fetched[host].append(number)
        await asyncio.sleep(2 * SECOND)
        self._busy[host] -= 1


class Limits:
    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(SLOTS)
        self.hosts = [asyncio.Lock() for _ in range(HOSTS)]


async def host_in_a_slot(limits: Limits, web: Web, page: Page) -> None:
    async with limits.slots, limits.hosts[page[0]]:
        await web.fetch(page)


async def host_before_the_slot(limits: Limits, web: Web, page: Page) -> None:
    async with limits.hosts[page[0]], limits.slots:
        await web.fetch(page)


async def crawl(
    title: str, get: Callable[[Limits, Web, Page], Awaitable[None]]
) -> tuple[float, Web]:
    clock = asyncio.get_running_loop().time
    begin, limits, web = clock(), Limits(), Web()
    # The pages of a host are consecutive, as in a list of links.
    pages = [(host, number) for host in range(HOSTS) for number in range(PAGES)]
    await asyncio.gather(*(get(limits, web, page) for page in pages))
    if web.polite:
        print(f"{title}: {len(pages)} pages, one at a time for each host")
    return clock() - begin, web


async def main() -> None:
    slow, _ = await crawl("the host in a slot", host_in_a_slot)
    fast, web = await crawl("the host before the slot", host_before_the_slot)
    in_order = all(fetched == list(range(PAGES)) for fetched in web.fetched)
    if slow > 2 * fast and in_order:
        print("more than twice as fast, and the pages of each host in order")


asyncio.run(main())
