"""After SIGINT the program takes no new requests and completes the started requests."""

import asyncio
import signal

SECOND = 0.01


async def handle(number: int) -> None:
    print(f"request {number} begins")
    if number == 3:
        signal.raise_signal(signal.SIGINT)  # simulates Ctrl-C
    await asyncio.sleep(100 * SECOND)
    print(f"finished: request {number}")


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)

    async with asyncio.TaskGroup() as requests:
        number = 0
        while not stop.is_set():
            number += 1
            requests.create_task(handle(number))
            try:
                async with asyncio.timeout(20 * SECOND):
                    await stop.wait()
            except TimeoutError:
                pass  # the next request has arrived
        print("no new requests")
    print("shut down")


asyncio.run(main())
