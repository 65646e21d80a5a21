"""Runs a program with a time limit. At the limit, kills the program and waits for its end."""

import asyncio
from asyncio.subprocess import PIPE

SECOND = 0.01


async def run(*command: str, limit: float) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        async with asyncio.timeout(limit * SECOND):
            output, _ = await process.communicate()
            print(f"{command[0]}: {output.decode().strip()}")
    except TimeoutError:
        print(f"{command[0]}: its time is up")
    finally:
        if process.returncode is None:
            process.kill()
            status = await process.wait()
            print(f"{command[0]}: ended by signal {-status}")


async def main() -> None:
    await run("echo", "hello", limit=500)
    await run("sleep", "60", limit=5)


asyncio.run(main())
