"""`wait_for` cancels its task at the timeout, and waits until the task has ended."""

import asyncio

SECOND = 0.01


class LongTask:
    ended = "still goes on"

    async def run(self) -> str:
        try:
            await asyncio.sleep(100 * SECOND)
            self.ended = "went on to its end"
        except asyncio.CancelledError:
            self.ended = "was cancelled"
            raise
        return "Done"


async def main() -> None:
    task = LongTask()
    try:
        print(await asyncio.wait_for(task.run(), 2 * SECOND))
    except TimeoutError:
        print("Timeout!")
    print(f"At the timeout the task {task.ended}")
    left = asyncio.all_tasks() - {asyncio.current_task()}
    print(f"Tasks left: {len(left)}")


asyncio.run(main())
