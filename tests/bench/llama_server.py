"""A client of llama-server: streams that start together, over HTTP with server-sent events."""
import asyncio
import json

import environment
import streams


def load(port, count, prompt, generate):
    """`count` streams to their ends; the figures of streams.served."""
    return streams.served(asyncio.run(_all(port, count, prompt, generate)))


async def _all(port, count, prompt, generate):
    prompts = [streams.prompt(1000 * count + i, prompt) for i in range(count)]
    return await asyncio.gather(*(_one(port, tokens, generate) for tokens in prompts))


async def _one(port, tokens, generate):
    body = json.dumps({"prompt": tokens, "n_predict": generate, "temperature": 0, "stream": True,
                       "ignore_eos": True, "cache_prompt": False}).encode()
    stream = streams.Stream()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    try:
        writer.write(b"POST /completion HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                     b"Content-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        status = await reader.readline()
        if b" 200 " not in status:
            raise environment.Failed(f"llama-server: {status + await reader.read(2000)!r}")
        # Lines of events; headers and the sizes of chunks lie in between.
        while line := await reader.readline():
            if line.startswith(b"data: "):
                event = json.loads(line[len(b"data: "):])
                if "error" in event:
                    raise environment.Failed(f"llama-server: {event['error']}")
                # Bytes that are no whole character yet are held back: several tokens then come at
                # once, and how many is the difference of what was predicted so far.
                stream.add(event["tokens_predicted"] - stream.tokens)
    finally:
        writer.close()
    if stream.tokens != generate:
        raise environment.Failed(f"llama-server: {stream.tokens} tokens, not {generate}")
    return stream
