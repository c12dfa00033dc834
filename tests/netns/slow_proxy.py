"""A TCP proxy that makes a link slow: every piece of bytes is held back for a while, in order, in both directions."""

import argparse
import asyncio
import random

PIECE = 64 * 1024
HELD_MAX = 256  # pieces under way in one direction; beyond it the sender waits


async def carry(reader, writer, delay, jitter):
    """Copies one direction until it ends; the end of the stream is passed on too, as late as the bytes."""
    loop = asyncio.get_running_loop()
    held = asyncio.Queue(HELD_MAX)

    async def send():
        while True:
            due, piece = await held.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not piece:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()

    async def receive():
        while True:
            piece = await reader.read(PIECE)
            await held.put((loop.time() + delay + random.uniform(0, jitter), piece))
            if not piece:
                return

    await asyncio.gather(send(), receive())


async def serve(reader, writer, target, delay, jitter):
    try:
        out_reader, out_writer = await asyncio.open_connection(*target)
    except OSError:
        writer.transport.abort()
        return
    both = [
        asyncio.ensure_future(carry(reader, out_writer, delay, jitter)),
        asyncio.ensure_future(carry(out_reader, writer, delay, jitter)),
    ]
    await asyncio.wait(both, return_when=asyncio.FIRST_EXCEPTION)
    broken = any(task.done() and not task.cancelled() and task.exception() for task in both)
    for task in both:
        task.cancel()
    await asyncio.gather(*both, return_exceptions=True)
    for end in (writer, out_writer):
        if broken:
            end.transport.abort()
        else:
            end.close()


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listen", type=address)
    parser.add_argument("target", type=address)
    parser.add_argument("--delay-ms", type=float, default=20)
    parser.add_argument("--jitter-ms", type=float, default=10)
    options = parser.parse_args()

    async def take(reader, writer):
        await serve(reader, writer, options.target, options.delay_ms / 1000, options.jitter_ms / 1000)

    server = await asyncio.start_server(take, *options.listen)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
