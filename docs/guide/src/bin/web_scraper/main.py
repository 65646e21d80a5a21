"""Crawls a site: five workers share a queue of pages, and put new links into the queue."""

import asyncio
import sys
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import aiohttp

WORKERS = 5


class LinkParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (href := dict(attrs).get("href")):
            self.hrefs.append(href)


async def links_of(session: aiohttp.ClientSession, page: str) -> list[str]:
    """Returns the links of a page to pages of the same site."""
    async with session.get(page, raise_for_status=True) as response:
        parser = LinkParser()
        parser.feed(await response.text())
        parser.close()
    links = [urldefrag(urljoin(page, href)).url for href in parser.hrefs]
    return [link for link in links if urlsplit(link).netloc == urlsplit(page).netloc]


async def crawl(start: str) -> tuple[dict[str, int], int]:
    """Returns the level of each page, and the number of links."""
    levels = {start: 0}
    links = 0
    queue = asyncio.Queue[str]()
    queue.put_nowait(start)

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal links
        while True:
            page = await queue.get()
            for link in await links_of(session, page):
                links += 1
                if link not in levels:
                    levels[link] = levels[page] + 1
                    queue.put_nowait(link)
            queue.task_done()

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        workers = [group.create_task(work(session)) for _ in range(WORKERS)]
        await queue.join()
        for worker in workers:
            worker.cancel()
    return levels, links


levels, links = asyncio.run(crawl(sys.argv[1]))
print(f"pages: {len(levels)}")
print(f"links: {links}")
print(f"deepest level: {max(levels.values())}")
