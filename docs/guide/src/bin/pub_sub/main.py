"""Every subscriber receives every message that is published after its subscription."""

import asyncio

Queue = asyncio.Queue[str | None]


class Topic:
    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._queues: list[Queue] = []

    def subscribe(self) -> Queue:
        queue = Queue(self._capacity)
        self._queues.append(queue)
        return queue

    async def publish(self, message: str | None) -> None:
        for queue in self._queues:
            await queue.put(message)


async def read(queue: Queue) -> list[str]:
    messages: list[str] = []
    while (message := await queue.get()) is not None:
        messages.append(message)
    return messages


async def main() -> None:
    weather = Topic(capacity=10)
    async with asyncio.TaskGroup() as group:
        early = group.create_task(read(weather.subscribe()))
        await weather.publish("rain")
        late = group.create_task(read(weather.subscribe()))
        await weather.publish("wind")
        await weather.publish("sun")
        await weather.publish(None)  # the end
    print("early:", *early.result())
    print("late:", *late.result())


asyncio.run(main())
