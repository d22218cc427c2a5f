"""Property tests here have no deadline: how long one example takes says more about the machine than about the code."""

from hypothesis import settings

settings.register_profile("coursevm", deadline=None)
settings.load_profile("coursevm")
