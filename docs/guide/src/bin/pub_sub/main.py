"""Everything that is published goes to every subscriber, from the moment of its subscription on."""

import asyncio

SECOND = 0.01
END = object()


class Topic:
    def __init__(self, capacity):
        self._capacity = capacity
        self._queues = []

    def subscribe(self):
        queue = asyncio.Queue(self._capacity)
        self._queues.append(queue)
        return queue

    async def publish(self, message):
        for queue in self._queues:
            await queue.put(message)


async def read(queue):
    messages = []
    while (message := await queue.get()) is not END:
        messages.append(message)
    return messages


async def main():
    weather = Topic(capacity=10)
    async with asyncio.TaskGroup() as group:
        early = group.create_task(read(weather.subscribe()))
        await weather.publish("rain")
        late = group.create_task(read(weather.subscribe()))
        await weather.publish("wind")
        await weather.publish("sun")
        await weather.publish(END)
    print("early:", *early.result())
    print("late:", *late.result())


asyncio.run(main())
