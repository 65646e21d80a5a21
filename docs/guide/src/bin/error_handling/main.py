"""One of three jobs fails: the failure cancels the others, or the others complete."""

import asyncio

SECOND = 0.01


async def job(number: int) -> str:
    await asyncio.sleep(20 * number * SECOND)
    if number == 2:
        raise ValueError(f"job {number} has failed")
    return f"job {number} is done"


async def stop_at_the_first() -> None:
    tasks: list[asyncio.Task[str]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(job(number)) for number in (1, 2, 3)]
    except* ValueError as failures:
        print(f"Stopped: {failures.exceptions[0]}")
    cancelled = sum(task.cancelled() for task in tasks)
    print(f"Cancelled with it: {cancelled}")


async def go_on() -> None:
    jobs = [job(number) for number in (1, 2, 3)]
    for outcome in await asyncio.gather(*jobs, return_exceptions=True):
        if isinstance(outcome, BaseException):
            print(f"Error: {outcome}")
        else:
            print(f"Result: {outcome}")


async def main() -> None:
    await stop_at_the_first()
    await go_on()


asyncio.run(main())
