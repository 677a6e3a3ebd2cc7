"""The core's tests know no clock, so no example is ever too slow."""

from hypothesis import settings

settings.register_profile("core", deadline=None, max_examples=100)
settings.load_profile("core")
