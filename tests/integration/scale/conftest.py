"""The tests of a large cohort work with the same engine."""

from tests.integration.engine.conftest import engine

__all__ = ["engine"]
