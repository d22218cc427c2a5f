# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several requests at a time, waited for or not; each is counted as what its caller's are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any


def concurrently(function: Callable[[Any], Any], items: Iterable[Any], workers: int) -> list[Any]:
    """Results of ``function`` for each item, in order, with at most ``workers`` at a time."""
    items = list(items)
    if not items:
        return []
    contexts = [copy_context() for _item in items]
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(items)))) as pool:
        return list(pool.map(lambda item, context: context.run(function, item), items, contexts))


class Background:
    """Calls functions while the caller goes on, at most ``workers`` at a time; with one worker, the caller waits.

    To be used in a ``with``, which ends when all is done. After an exception what has not begun is left out.
    """

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers) if workers > 1 else None
        self._begun: list[Future] = []

    def __enter__(self) -> Background:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """Wait for what is being done."""
        if self._pool:
            self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self.wait()

    def start(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have the function called."""
        if self._pool:
            self._begun.append(self._pool.submit(copy_context().run, function, *arguments))
        else:
            function(*arguments)

    def wait(self) -> None:
        """Wait for all that was started; raises what any of it has raised."""
        for future in list(self._begun):
            future.result()
