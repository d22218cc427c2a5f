# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Follows the servers of a cohort from poll to poll, at little cost for the cloud.

A list of servers in detail is what the cloud is longest about (bench/README.md says how long): Nova looks each of them
up, and asks Neutron for the ports of each. So it is asked for news only, and for all in detail at first, after a look
without news, and now and then: who has gone is seen then, and who has not been changed since it was made.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ansible_collections.ouseful.coursevm.plugins.module_utils import observed
from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import Server

FORMAT = "%Y-%m-%dT%H:%M:%SZ"
#: The clocks of the cloud's controllers may differ by as much.
OVERLAP = timedelta(seconds=10)
WHOLE_EVERY = 4


class Followed:
    """The cohort's servers from look to look; each returns them by id, the oldest first."""

    def __init__(self, cloud: Cloud, cohort: str) -> None:
        self._servers: dict[str, Server] = {}
        self._cloud = cloud
        self._cohort = cohort
        self._looks_for_news = WHOLE_EVERY  # since the last whole one

    def look(self, whole: bool = False) -> dict[str, Server]:
        """The servers as they are now. Who has gone is seen by a ``whole`` look.

        Raises CloudError.
        """
        since = None if whole or self._is_due else self._changed_since()
        changed = {server.id: server for server in observed.servers(self._cloud, self._cohort, since)}
        return self._take(self._servers | changed if since else changed, whole=not since)

    def look_who_is_there(self) -> dict[str, Server]:
        """The servers that are still there, as they were when they were seen in detail. Raises CloudError."""
        if self._is_due:
            return self.look()
        there = observed.server_ids(self._cloud, self._cohort)
        known = {server_id: server for server_id, server in self._servers.items() if server_id in there}
        return self._take(known, whole=False)

    @property
    def _is_due(self) -> bool:
        return self._looks_for_news >= WHOLE_EVERY - 1

    def _take(self, servers: dict[str, Server], whole: bool) -> dict[str, Server]:
        news = servers != self._servers
        self._looks_for_news = (0 if whole else self._looks_for_news + 1) if news else WHOLE_EVERY
        self._servers = dict(sorted(servers.items(), key=lambda item: observed.by_age(item[1])))
        return self._servers

    def _changed_since(self) -> str | None:
        """By the cloud's clock, which need not be this machine's; None when it doesn't tell."""
        newest = max((server.updated_at for server in self._servers.values()), default="")
        return f"{datetime.strptime(newest, FORMAT) - OVERLAP:{FORMAT}}" if newest else None
