import asyncio
import os

from hypothesis import HealthCheck, settings

# pytest-asyncio asks for "the" event loop before it makes its own; Python 3.11 then makes one that nobody closes, and
# the collector reports it in whatever test happens to run. Told that there is none, neither does.
asyncio.set_event_loop(None)

# In a fresh checkout the first text that is drawn waits for hypothesis to lay out its table of characters: seconds on a
# busy machine, which it would report as a strategy that is too slow. No test here is about time.
# Where CI is set the examples are the same each time: a new one is a find for whoever works on it, not for who builds.
settings.register_profile(
    "drwatch",
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("drwatch")
