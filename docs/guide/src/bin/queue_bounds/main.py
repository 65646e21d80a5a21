"""A queue without `maxsize` is unbounded: its producer never waits."""

import asyncio


def put_without_a_consumer(queue: asyncio.Queue[int]) -> int:
    """Puts up to 1,000 items, until the queue is full."""
    for item in range(1000):
        try:
            queue.put_nowait(item)
        except asyncio.QueueFull:
            break
    return queue.qsize()


async def main() -> None:
    unbounded = put_without_a_consumer(asyncio.Queue())
    print(f"Queue(): took all of {unbounded}, and would take more")
    bounded = put_without_a_consumer(asyncio.Queue(maxsize=10))
    print(f"Queue(maxsize=10): took {bounded} of 1000, then the producer waits")


asyncio.run(main())
