# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits for the servers of a cohort until each is where it is wanted: one poll for all of them.

What a server needs on its way is asked of Nova when the server is idle: the status it is wanted in, or to be made again
after it came up in ERROR.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import Cloud, CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.concurrency import concurrently
from ansible_collections.ouseful.coursevm.plugins.module_utils.faults import explain, is_quota
from ansible_collections.ouseful.coursevm.plugins.module_utils.followed import Followed
from ansible_collections.ouseful.coursevm.plugins.module_utils.observed import FloatingIP, Server, recorded_actions
from ansible_collections.ouseful.coursevm.plugins.module_utils.pace import Pace
from ansible_collections.ouseful.coursevm.plugins.module_utils.transitions import CONFIRM, RESIZED, Goal

TELL_EVERY = 15


@dataclass
class Outcome:
    """What there is for one student when all is done."""

    server: Server | None = None
    floating_ip: FloatingIP | None = None
    seconds: float | None = None
    error: str | None = None
    done: list[str] = field(default_factory=list)


@dataclass
class OnTheWay:
    """A server on its way up, or to the status of ``goal`` and to ``flavor`` (its name; None for any).

    ``ask`` requests the way to the goal, given its verb. ``make`` makes the server anew and returns its id. Either is
    done at most ``tries`` times, and noted as ``step``. ``made_by`` is the step by which this run has made the server,
    None when it was there; ``given_up`` are ids of those that it has made, and removed for the sake of another run's.
    """

    server_id: str
    tries: int
    started: float = field(default_factory=time.monotonic)
    step: str = ""
    goal: Goal | None = None
    flavor: str | None = None
    ask: Callable[[str], Any] | None = None
    make: Callable[[], str] | None = None
    made_by: str | None = None
    given_up: set[str] = field(default_factory=set)
    asked: str = ""  # the last verb
    refusal: str = ""
    leaving: bool = False

    def is_there(self, server: Server) -> bool:
        """Whether the idle server is where it is wanted."""
        if self.goal is None:
            return True
        asked = self.asked or not self.goal.always
        return bool(asked) and server.status in self.goal.statuses and self.flavor in (None, server.flavor)

    def is_underway(self, server: Server) -> bool:
        """Whether Nova is at what was asked for; while it confirms a resize it tells no task."""
        return bool(server.task_state) or (self.asked == CONFIRM and server.status == RESIZED)

    def may_ask(self, status: str) -> bool:
        """Whether Nova may be asked for the way from that status; what ends in ERROR isn't asked for again."""
        if self.goal is None or (self.asked and status == "ERROR"):
            return False
        # The word that a resize waits for is no second try
        return status in self.goal.ways and (self.tries > 0 or self.goal.ways[status] == CONFIRM)


class Waiting:
    """Keeps ``outcomes`` up with what the polls say; ``timeout`` (seconds) is for the whole cohort.

    ``on_left_to_others`` is given the student whose server is another run's from then on.
    """

    def __init__(
        self,
        cloud: Cloud,
        cohort: str,
        outcomes: dict[str, Outcome],
        *,
        timeout: int,
        concurrency: int,
        tell: Callable[[str], None],
        on_left_to_others: Callable[[str], None],
    ) -> None:
        self.cloud = cloud
        self.cohort = cohort
        self.outcomes = outcomes
        self.timeout = timeout
        self.concurrency = concurrency
        self.tell = tell
        self.on_left_to_others = on_left_to_others
        self.on_the_way: dict[str, OnTheWay] = {}

    def fail(self, student: str, reason: str) -> None:
        """Note what went wrong for one student."""
        self.outcomes[student].error = reason
        self.tell(f"{student}: {reason}")

    def until_gone(self, servers: dict[str, str]) -> None:
        """Poll until none of the servers (id: student) is there any more."""
        pace = Pace(len(servers))
        followed = Followed(self.cloud, self.cohort)
        while servers:
            try:
                there = self._poll(pace, len(servers), followed.look_who_is_there)
            except CloudError as error:
                self.tell(f"the cloud doesn't answer just now: {error}")
            else:
                self._take_off(servers, there, pace.elapsed)
            if servers and pace.elapsed > self.timeout:
                for student in servers.values():
                    self.fail(student, f"delete server: not gone after {self.timeout} s; run again to go on")
                return

    def _take_off(self, servers: dict[str, str], there: dict[str, Server], elapsed: float) -> None:
        """Take those off ``servers`` that are gone, or that can't go."""
        for server_id, student in list(servers.items()):
            server = there.get(server_id)
            if server is None:
                del servers[server_id]
                outcome = self.outcomes[student]
                outcome.server = outcome.server if outcome.server and outcome.server.id != server_id else None
                outcome.seconds = round(elapsed, 1)
                self.tell(f"{student}: server removed, {elapsed:.0f} s")
            elif server.status == "ERROR" and server.task_state is None:
                del servers[server_id]
                self.fail(student, f"delete server: {explain(server.fault)}")

    def until_there(self, on_poll: Callable[[dict[str, Server]], None]) -> None:
        """Ask for what is wanted and poll until each server ``on_the_way`` is there, or can't get there.

        ``on_poll`` is given the servers by id after each poll.
        """
        total = len(self.on_the_way)
        pace = Pace(total)
        there = told = 0
        told_at = time.monotonic()
        followed = Followed(self.cloud, self.cohort)
        known = {outcome.server.id: outcome.server for outcome in self.outcomes.values() if outcome.server}
        moving = [student for student, way in self.on_the_way.items() if way.goal]
        due = [student for student in moving if self._follow(student, known)]
        concurrently(self._go_on, due, self.concurrency)
        while self.on_the_way:
            try:
                # Who has gone, and what was just made, is seen for sure by a whole look only
                whole = bool(due) or any(way.leaving or way.given_up for way in self.on_the_way.values())
                servers = self._poll(pace, len(self.on_the_way), partial(followed.look, whole=whole))
                self._leave_to_others(servers)
                on_poll(servers)
            except CloudError as error:
                self.tell(f"the cloud doesn't answer just now: {error}")
            else:
                due = [student for student in list(self.on_the_way) if self._follow(student, servers)]
                concurrently(self._go_on, due, self.concurrency)
            there = total - len(self.on_the_way)
            if self.on_the_way and (there != told or time.monotonic() - told_at > TELL_EVERY):
                self.tell(f"{there} of {total} settled, {pace.elapsed:.0f} s")
                told, told_at = there, time.monotonic()
            if pace.elapsed > self.timeout:
                for student, way in list(self.on_the_way.items()):
                    wanted = way.goal.statuses[0] if way.goal else "up"
                    leaving = f"{', '.join(sorted(way.given_up))} is not gone yet" if way.given_up else ""
                    state = "; ".join(filter(None, (self._state_of(student), way.refusal, leaving)))
                    self._give_up(student, f"not {wanted} after {self.timeout} s ({state}); run again to wait on")

    def _leave_to_others(self, servers: dict[str, Server]) -> None:
        """Where other runs have made the same server, keep the oldest that may stay; for another's, remove one's own.

        Nova keeps neither names nor tags unique. The polls have the oldest server first, and for every run the same.
        """
        for student, way in list(self.on_the_way.items()):
            if not way.made_by:
                continue
            same = [server for server in servers.values() if server.owner.student == student]
            kept = next((server for server in same if self._may_stay(server, way)), None)
            if kept is None or kept.id == way.server_id:
                continue
            try:
                self.cloud.delete("compute", f"/servers/{way.server_id}")
                self.on_left_to_others(student)
            except CloudError as error:
                self._give_up(student, f"another run has made server {kept.id}; remove this run's own: {error}")
                continue
            self.outcomes[student].done.remove(way.made_by)
            self.tell(f"{student}: another run has made the server ({kept.id}); its own is removed again")
            way.given_up.add(way.server_id)
            way.server_id, way.made_by, way.leaving = kept.id, None, False

    def _may_stay(self, server: Server, way: OnTheWay) -> bool:
        """Whether the server may be the one that stays of several.

        Not one that never came up: its maker makes another. Nor one that is to go, which shows in what was asked of it
        only: whoever builds it may write over the mark of its deletion.
        """
        never_came_up = server.status == "ERROR" and not server.launched
        if never_came_up or server.task_state == "deleting" or server.id in way.given_up:
            return False
        is_own = server.id == way.server_id
        return is_own or all(one["action"] != "delete" for one in recorded_actions(self.cloud, server.id))

    def _state_of(self, student: str) -> str:
        server = self.outcomes[student].server
        return f"{server.status}, {server.task_state}" if server else "not seen yet"

    def _give_up(self, student: str, reason: str) -> None:
        del self.on_the_way[student]
        self.fail(student, reason)

    def _follow(self, student: str, there: dict[str, Server]) -> bool:
        """Take in what the poll says of one student's server; True when something has to be asked of Nova."""
        way = self.on_the_way[student]
        way.given_up &= there.keys()
        server = there.get(way.server_id)
        if way.leaving:
            if server is None:
                self.outcomes[student].server = None
            return server is None
        if server is None:
            return self._follow_vanished(student)
        self.outcomes[student].server = server
        status = server.status
        if status == "REBUILD" and way.goal:
            way.asked = way.asked or "rebuild"  # by a request whose answer was lost, or by another run
        if status == "ERROR" and not way.may_ask(status):
            self._handle_error(student, server)
        elif way.given_up or self._is_busy(way, server):
            return False
        elif way.is_there(server):
            self._arrive(student, server)
        elif way.may_ask(status):
            return True
        else:
            self._give_up(student, _where_it_stays(way, server))
        return False

    @staticmethod
    def _is_busy(way: OnTheWay, server: Server) -> bool:
        is_underway = way.goal is not None and way.is_underway(server)
        return is_underway or server.status == "BUILD" or server.task_state == "deleting"

    def _follow_vanished(self, student: str) -> bool:
        """Give the student up, or True to make the server again: another run's, which may have met it in ERROR, too."""
        way, last_seen = self.on_the_way[student], self.outcomes[student].server
        vanished = "the server vanished while it was waited for: somebody or the cloud removed it"
        if way.make is None or way.made_by or way.tries <= 0 or (last_seen and last_seen.launched):
            self._give_up(student, vanished)
            return False
        self.tell(f"{student}: {vanished}; making it again")
        self.outcomes[student].server = None
        return True

    def _arrive(self, student: str, server: Server) -> None:
        way, outcome = self.on_the_way.pop(student), self.outcomes[student]
        outcome.seconds = round(time.monotonic() - way.started, 1)
        if way.goal:
            self._note(student, way)
        address = f" ({outcome.floating_ip.name})" if outcome.floating_ip else ""
        self.tell(f"{student}: {server.status} after {outcome.seconds:.0f} s{address}")

    def _note(self, student: str, way: OnTheWay) -> None:
        done = self.outcomes[student].done
        if way.step and way.step not in done:
            done.append(way.step)

    def _handle_error(self, student: str, server: Server) -> None:
        way = self.on_the_way[student]
        reason = explain(server.fault)
        if way.make is None or way.tries <= 0 or server.launched or is_quota(server.fault):
            how = "went into ERROR" if way.goal or server.launched else "came up in ERROR"
            self._give_up(student, f"the server {how}: {reason}")
            return
        self.tell(f"{student}: ERROR ({reason}); removing it and trying again")
        try:
            self.cloud.delete("compute", f"/servers/{way.server_id}")
        except CloudError as error:
            self._give_up(student, f"remove server in ERROR: {error}")
        else:
            way.leaving = True

    def _go_on(self, student: str) -> None:
        way = self.on_the_way[student]
        verb = way.goal.ways[self.outcomes[student].server.status] if way.goal else "create"
        way.tries -= verb != CONFIRM
        try:
            if way.goal:
                way.ask(verb)
                way.asked, way.refusal = verb, ""
            else:
                way.server_id, way.made_by = way.make(), way.step
                way.started, way.leaving = time.monotonic(), False
        except CloudError as error:
            # Somebody else asked first, or the answer was lost: the next poll tells what became of it.
            asked_before = error.status == 409 or (error.status == 400 and verb == CONFIRM)
            if way.goal and (asked_before or error.lost):
                way.refusal = str(error)
                if verb == CONFIRM:  # which Nova does without a sign until it is done
                    way.asked = verb
            else:
                self._give_up(student, f"{verb} server: {error}")
        else:
            self._note(student, way)

    def _poll(self, pace: Pace, left: int, look: Callable[[], dict[str, Server]]) -> dict[str, Server]:
        """The cohort's servers by id, when it is time to ask about the ``left`` that have not settled."""
        return pace.ask(lambda: self.cloud.poll(look), left)


def _where_it_stays(way: OnTheWay, server: Server) -> str:
    """Why the server is waited for no longer."""
    if way.flavor not in (None, server.flavor) and server.status in way.goal.statuses:
        why = "no host has room for it, or its disk is smaller than the server's"
        return f"the server kept its flavor {server.flavor}: {way.refusal or f'Nova gave {way.flavor} up: {why}'}"
    way_out = "run again" if server.status in way.goal.ways else f"Nova doesn't {way.goal.verb} it from there"
    return f"the server is {server.status}, not {way.goal.statuses[0]}: {way.refusal or way_out}"
