import asyncio

# pytest-asyncio asks for "the" event loop before it makes its own; Python 3.11 then makes one that nobody closes, and
# the collector reports it in whatever test happens to run. Told that there is none, neither does.
asyncio.set_event_loop(None)
