"""Properties of the planning of a cohort, and its words."""

from __future__ import annotations

from dataclasses import replace

import cloud_model as model
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired as want
from ansible_collections.ouseful.coursevm.plugins.module_utils import observed as seen
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import Owner
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_instances import (
    plan,
    sorted_servers,
    undeclared_students,
)
from ansible_collections.ouseful.coursevm.plugins.module_utils.transitions import SHELVED, next_status

COHORT = "demo"
IDLE = ["ACTIVE", "ERROR", "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED", "RESCUE", "VERIFY_RESIZE"]
BUSY = [
    ("BUILD", "spawning"),
    ("ACTIVE", "powering-off"),
    ("ACTIVE", "image_uploading"),
    ("ACTIVE", "deleting"),
    ("ERROR", "deleting"),
    ("SHUTOFF", "powering-on"),
    ("SHELVED", "shelving_offloading"),
    ("SHELVED_OFFLOADED", "spawning"),
    ("REBUILD", "rebuilding"),
    ("RESIZE", "resize_migrating"),
    ("ACTIVE", "resize_prep"),
]
STATUSES = [*((status, None) for status in IDLE), *BUSY]
STATES = ["present", "absent", "started", "stopped", "shelved", "resized", "rebuilt"]
STUDENTS = ["ada", "grace", "alan"]
METADATA = [
    (),
    tuple(want.Instance("ada", "demo-ada", "", ()).full_metadata.items()),
    (("course", "TM000"), ("mine", "kept")),
    ((want.SERVER_GROUP_FACT, "spread"), (want.VOLUME_FACT, "20 GiB of image image-1")),
]
NETWORKS = {"coursevm-demo": ("net-1", "coursevm-demo")}
NAMES = seen.Names("f-1", "m2.small", NETWORKS, ("sg-1",), ("coursevm-demo",), "ext-1")

instances = st.builds(
    want.Instance,
    st.sampled_from(STUDENTS),
    st.just(""),
    st.sampled_from(["", "#cloud-config"]),
    st.sampled_from([(), (("course", "TM351"),)]),
).map(lambda instance: replace(instance, name=f"{COHORT}-{instance.student}"))
cohorts = st.builds(
    want.Cohort,
    cohort=st.just(COHORT),
    instances=st.lists(instances, unique_by=lambda instance: instance.student).map(tuple),
    image=st.just("debian"),
    flavor=st.just("m2.small"),
    network=st.just("coursevm-demo"),
    security_groups=st.just(("coursevm-demo",)),
    floating_network=st.sampled_from([None, "public"]),
    availability_zone=st.sampled_from([None, "fake"]),
    key_name=st.sampled_from([None, "operator"]),
    config_drive=st.sampled_from([None, False, True]),
    server_group=st.sampled_from([None, "spread"]),
    volume_size=st.sampled_from([None, 20]),
    delete_on_termination=st.sampled_from([None, False, True]),
    state=st.sampled_from(STATES),
    prune=st.booleans(),
).map(lambda cohort: replace(cohort, prune=cohort.prune and cohort.state == "present"))


@st.composite
def servers(draw, student, number, port):
    """A server of a student in any condition, on that port or none."""
    status, task_state = draw(st.sampled_from(STATUSES))
    image_id = draw(st.sampled_from(["image-1", "image-2", None]))
    volumes = st.sampled_from([(), *(((f"volume-{student}-{number}", goes),) for goes in (True, False))])
    return seen.Server(
        f"server-{student}-{number}",
        draw(st.sampled_from([f"{COHORT}-{student}", "old-name"])),
        Owner(COHORT, student),
        status=status,
        task_state=task_state,
        image_id=image_id,
        volumes=() if image_id else draw(volumes),
        flavor=draw(st.sampled_from(["m2.small", "m1.nano"])),
        networks=("coursevm-demo",),
        addresses=port.addresses if port else (),
        security_groups=model.groups_of(port) if port else (),
        metadata=draw(st.sampled_from(METADATA)),
        key_name=draw(st.sampled_from([None, "operator"])),
        config_drive=draw(st.booleans()),
        availability_zone=draw(st.sampled_from(["nova", "fake"])),
        created_at=f"2026-01-0{number + 1}T00:00:00Z",
        launched=draw(st.booleans()),
        fault=draw(st.sampled_from([None, "No valid host was found."])),
    )


@st.composite
def states(draw):
    """Any state that a cohort can be in after interruptions, faults and people's own changes."""
    ports, found, addresses = [], [], []
    for student in STUDENTS:
        own = []
        for number in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
            port = seen.Port(
                f"port-{student}-{number}",
                "",
                None,
                draw(st.sampled_from(["net-1", "net-2"])),
                f"server-{student}-{number}",
                addresses=(f"10.0.{number}.{len(student)}",),
                security_group_ids=draw(st.sampled_from([("sg-1",), ("sg-default",)])),
            )
            server = draw(servers(student, number, port if draw(st.integers(0, 9)) else None))
            found.append(server)
            own += [port] if server.addresses else []
        ports += own
        for number in range(draw(st.integers(0, 2))):
            bound_to = draw(st.sampled_from([None, "elsewhere", *(port.id for port in own)]))
            fixed = next((port.addresses[0] for port in own if port.id == bound_to), bound_to and "10.7.7.7")
            owner = Owner(COHORT, student, "public")
            addresses.append(
                seen.FloatingIP(f"fip-{student}-{number}", f"172.24.4.{number}", owner, "ext-1", bound_to, fixed)
            )
    return seen.CohortState("image-1", tuple(found), tuple(addresses), tuple(ports), NAMES)


def to_do(desired, state):
    """What is planned; to be rebuilt again is not counted, it is planned every time."""
    return [action for action in plan(desired, state).actions if action.verb != "rebuild"]


@given(cohorts, states())
def test_after_the_plan_there_is_nothing_to_do(desired, state):
    after = model.apply_to_cohort(desired, state, plan(desired, state))
    assert to_do(desired, after) == []


@given(cohorts, states())
def test_an_interrupted_plan_is_finished_by_the_next(desired, state):
    steps = plan(desired, state)
    for done in range(len(steps.actions)):
        half = model.apply_to_cohort(desired, state, replace(steps, actions=steps.actions[:done]))
        after = model.apply_to_cohort(desired, half, plan(desired, half))
        assert to_do(desired, after) == []


@given(cohorts.filter(lambda cohort: cohort.makes and not cohort.prune), states())
def test_the_first_look_suffices_when_all_is_built_as_declared(desired, state):
    after = model.apply_to_cohort(desired, state, plan(desired, state))
    for observed in (state, after):
        at_first = plan(desired, replace(observed, ports=(), names=None)).settled
        building = any(server.status == "BUILD" for server in observed.servers)
        assert plan(desired, observed).settled if at_first else building or not plan(desired, observed).settled


@given(cohorts, states())
def test_only_who_is_named_loses_something(desired, state):
    listed = {instance.student for instance in desired.instances}
    steps = plan(desired, state)
    for action in steps.actions:
        if action.verb != "delete":
            assert not desired.removes
            assert action.student in listed
            assert action.verb != "rebuild" or desired.state == "rebuilt"
            assert action.verb not in ("resize", "confirm") or desired.state == "resized"
        elif desired.removes:
            assert action.student in listed
        elif action.student not in listed:
            assert desired.prune
        else:  # made anew or twice: only what no student can have worked on
            assert action.kind == "server"
            own = [server for server in state.servers if server.owner.student == action.student]
            server = next(server for server in own if server.id == action.id)
            unused = not server.launched and (server.status == "ERROR" or len(own) > 1)
            assert server.task_state == "deleting" or unused


@given(cohorts, states())
def test_every_student_is_served_or_refused_and_absent_ones_are_gone(desired, state):
    steps = plan(desired, state)
    after = model.apply_to_cohort(desired, state, steps)
    left = {r.owner.student for r in (*after.servers, *after.floating_ips)}
    listed = {instance.student for instance in desired.instances}
    if desired.removes:
        assert not left & listed
        return
    if not desired.makes:
        assert after.ports == state.ports and after.floating_ips == state.floating_ips
        assert [(s.id, s.metadata, s.image_id) for s in after.servers] == [
            (s.id, s.metadata, s.image_id) for s in state.servers
        ]
        return
    assert listed == {server.owner.student for server in after.servers} & listed | set(steps.refused)
    if desired.prune:
        assert left <= listed
        assert undeclared_students(desired, after) == []


@given(cohorts, states())
def test_each_listed_server_gets_where_it_is_wanted_or_its_student_is_told(desired, state):
    steps = plan(desired, state)
    after = model.apply_to_cohort(desired, state, steps)
    told = set(steps.refused) | {drift.student for drift in steps.drift if drift.field == "presence"}
    wanted = {"started": {"ACTIVE"}, "stopped": {"SHUTOFF", *SHELVED}, "shelved": {*SHELVED}}
    for instance in desired.instances:
        if instance.student in told:
            continue
        found, _spare = sorted_servers(instance.student, after)
        statuses = {next_status(server.status, server.task_state) for server in found}
        if desired.state == "resized":
            assert statuses & {"ACTIVE", "SHUTOFF"} <= statuses - {"VERIFY_RESIZE"}
            assert all(server.flavor == "m2.small" for server in found)
        elif desired.state in wanted:
            assert statuses and statuses <= wanted[desired.state]
        elif desired.state == "present":
            before = {s.id: s.status for s in state.servers if s.status != "BUILD"}
            assert all(s.status == before.get(s.id, "ACTIVE") for s in found)


@given(cohorts.filter(lambda cohort: cohort.state == "rebuilt"), states())
def test_a_rebuilt_disk_is_as_declared(desired, state):
    steps = plan(desired, state)
    after = model.apply_to_cohort(desired, state, steps)
    rebuilt = {action.student for action in steps.actions if action.verb == "rebuild"}
    present = plan(replace(desired, state="present"), after)
    assert not [action for action in present.actions if action.student in rebuilt]
    assert not [
        d for d in present.drift if d.student in rebuilt and d.field in ("image", "user_data", "metadata", "key_name")
    ]
    ids = {server.id for server in state.servers}
    assert all(server.id in ids for server in after.servers if server.owner.student in rebuilt)


def one(**facts):
    """A declaration for ada alone."""
    common = {
        "image": "debian",
        "flavor": "m2.small",
        "network": "coursevm-demo",
        "security_groups": ("coursevm-demo",),
    }
    return want.Cohort(COHORT, (want.Instance("ada", "demo-ada"),), **{**common, **facts})


def up(**facts):
    """Ada's server as declared, but for the given facts."""
    common = {
        "image_id": "image-1",
        "flavor": "m2.small",
        "networks": ("coursevm-demo",),
        "security_groups": ("coursevm-demo",),
        "metadata": tuple(want.Instance("ada", "demo-ada").full_metadata.items()),
    }
    return seen.Server("s", "demo-ada", Owner(COHORT, "ada"), **{**common, **facts})


def look(*servers, **facts):
    """The second look at those servers, each on its port."""
    port = seen.Port("p", "", None, "net-1", "s", security_group_ids=("sg-1",))
    return seen.CohortState("image-1", servers, ports=(port,) if servers else (), names=NAMES, **facts)


def test_what_is_as_declared_is_settled_at_the_first_look():
    assert plan(one(), replace(look(up()), ports=(), names=None)).settled


def test_the_security_groups_of_what_is_being_built_are_its_ports():
    building = look(up(status="BUILD", security_groups=()))
    assert not plan(one(), replace(building, ports=(), names=None)).settled
    assert plan(one(), building).settled
    other = replace(building.ports[0], security_group_ids=("sg-default",))
    assert plan(one(), replace(building, ports=(other,))).in_words() == (
        "~ change port demo-ada: security_groups [sg-default] -> [coursevm-demo]\n"
    )


def test_what_was_made_twice_and_never_ran_is_removed():
    first = up(created_at="2026-01-01T00:00:00Z")
    second = replace(up(created_at="2026-01-01T00:00:01Z", status="BUILD", launched=False), id="t")
    assert in_words("present", first, second) == ["- delete server demo-ada (made twice)"]
    (refusal,) = in_words("present", first, replace(second, status="ACTIVE", launched=True))
    mend = "if no other run is at work, remove all but the first"
    assert refusal == f"! ada: there are 2 servers tagged as this student's: s, t; {mend}"


def test_a_server_without_its_port_is_reported():
    (line,) = plan(one(floating_network="public"), replace(look(up()), ports=())).in_words().splitlines()
    assert line.startswith("! server demo-ada: port is none, declared on coursevm-demo; somebody took its port away")


def test_each_declared_fact_is_compared():
    desired = one(availability_zone="fake", floating_network=None)
    desired = replace(desired, instances=(replace(desired.instances[0], user_data="new"),))
    server = up(image_id="image-0", flavor="m1.nano", networks=("other",), availability_zone="nova")
    steps = plan(desired, look(server))
    assert {drift.field for drift in steps.drift} == {"image", "flavor", "network", "availability_zone", "user_data"}
    assert steps.actions == ()
    assert str(steps.drift[1]).startswith("server demo-ada: flavor is m1.nano, declared m2.small; it takes effect when")


def drifts(server, **facts):
    """What is reported of ada's server beside these declared facts: each with the state that mends it."""
    steps = plan(one(**facts), look(server))
    assert steps.actions == ()
    states = ("rebuilt", "resized", "absent")
    return [(d.field, d.observed, next(state for state in states if state in d.mend)) for d in steps.drift]


def test_what_a_server_keeps_for_life_is_reported():
    assert drifts(up(), key_name="operator", config_drive=True, server_group="spread", volume_size=20) == [
        ("config_drive", False, "absent"),
        ("server_group", None, "absent"),
        ("volume", "none", "absent"),
        ("key_name", None, "rebuilt"),
    ]
    assert drifts(up(key_name="other", config_drive=True)) == []
    assert drifts(up(flavor="m1.nano")) == [("flavor", "m1.nano", "resized")]
    assert drifts(up(status="VERIFY_RESIZE")) == [("status", "VERIFY_RESIZE", "resized")]


def on_volume(**facts):
    """Ada's server on a volume of 20 GiB from the declared image."""
    metadata = {**dict(up().metadata), want.VOLUME_FACT: "20 GiB of image image-1"}
    return up(image_id=None, metadata=tuple(metadata.items()), **facts)


def test_a_volume_is_compared_by_what_was_recorded_and_never_rebuilt():
    assert drifts(on_volume(), volume_size=20) == []
    assert drifts(on_volume(), volume_size=30) == [("volume", "20 GiB of image image-1", "absent")]
    assert drifts(on_volume()) == [("image", None, "absent")]
    (line,) = in_words("rebuilt", on_volume(), volume_size=20)
    assert line.startswith("! ada: server demo-ada boots from a volume, which a rebuild would not empty; it takes")


def test_whether_a_volume_goes_with_its_server_is_changed_in_place_when_it_is_declared():
    kept, gone = on_volume(volumes=(("v", False),)), on_volume(volumes=(("v", True),))
    for server in (kept, gone):
        assert in_words("present", server, volume_size=20) == []
    assert in_words("present", kept, volume_size=20, delete_on_termination=False) == []
    assert in_words("present", gone, volume_size=20, delete_on_termination=False) == [
        "~ change volume of demo-ada: delete_on_termination True -> False"
    ]
    assert in_words("present", kept, volume_size=20, delete_on_termination=True) == [
        "~ change volume of demo-ada: delete_on_termination False -> True"
    ]
    several = on_volume(volumes=(("v", True), ("w", True)))
    assert in_words("present", several, volume_size=20, delete_on_termination=False) == []


def test_a_volume_that_stays_is_named_when_its_server_is_removed():
    (line,) = in_words("absent", on_volume(volumes=(("v", False),)))
    assert line == "- delete server demo-ada (leaves volume v)"


def test_a_server_group_declared_by_id_is_known_by_its_members():
    names = replace(NAMES, server_group_id="group-1", server_group_members=("s",))
    assert plan(one(server_group="group-1"), replace(look(up()), names=names)).settled


def test_a_rebuild_changes_the_keypair():
    assert in_words("rebuilt", up(), key_name="operator") == [
        "~ rebuild server demo-ada: key_name none -> operator (its disk is made anew)"
    ]


def test_what_can_be_changed_in_place_is():
    desired = one()
    desired = replace(desired, instances=(replace(desired.instances[0], metadata=(("course", "TM351"),)),))
    state = look(up(security_groups=("default",)))
    steps = plan(desired, replace(state, ports=(replace(state.ports[0], security_group_ids=("sg-default",)),)))
    assert steps.in_words().splitlines() == [
        "~ change metadata demo-ada: course none -> TM351",
        "~ change port demo-ada: security_groups [default] -> [coursevm-demo]",
    ]


def test_a_strangers_server_with_the_name_is_refused_for_that_student_alone():
    desired = one()
    desired = replace(desired, instances=(*desired.instances, want.Instance("grace", "demo-grace")))
    steps = plan(desired, look(strangers=(("demo-ada", "x-1", None),)))
    assert list(steps.refused) == ["ada"]
    assert "server demo-ada (x-1) exists and was not made by this collection" in steps.refused["ada"]
    assert {action.student for action in steps.actions} == {"grace"}
    steps = plan(desired, look(strangers=(("demo-ada", "x-1", Owner("other", "ada")),)))
    assert "server demo-ada (x-1) exists and belongs to cohort 'other'" in steps.refused["ada"]


def test_a_server_that_ran_and_broke_is_never_removed():
    steps = plan(one(), look(up(status="ERROR", launched=True, fault="No valid host was found. ")))
    assert steps.actions == ()
    assert "no host could take it" in steps.refused["ada"]
    assert "may hold the student's work" in steps.refused["ada"]


def test_a_server_that_never_came_up_is_made_again():
    steps = plan(one(), look(up(status="ERROR", launched=False, fault=None)))
    assert [str(action) for action in steps.actions] == [
        "delete server demo-ada (never came up: Nova gives no reason)",
        "create server demo-ada",
    ]


def test_two_servers_of_one_student_are_refused_with_their_ids():
    steps = plan(one(), look(up(), replace(up(), id="s2")))
    assert "2 servers" in steps.refused["ada"]
    assert "s, s2" in steps.refused["ada"]


def test_a_floating_ip_of_another_network_is_reported_by_name_at_the_first_look():
    owner = Owner(COHORT, "ada", "public")
    address = seen.FloatingIP("f", "172.24.4.9", owner, "ext-1", "p", "10.0.0.5")
    first = replace(look(up(addresses=("10.0.0.5",)), floating_ips=(address,)), ports=(), names=None)
    assert plan(one(floating_network="public"), first).settled
    assert not plan(one(floating_network="public2"), first).settled


def in_words(state, *servers, **facts):
    return plan(one(state=state, **facts), look(*servers)).in_words().splitlines()


def test_a_change_of_status_in_words():
    assert in_words("stopped", up()) == ["~ stop server demo-ada: status ACTIVE -> SHUTOFF"]
    assert in_words("started", up(status="SHUTOFF")) == ["~ start server demo-ada: status SHUTOFF -> ACTIVE"]
    assert in_words("started", up(status="SHELVED_OFFLOADED")) == [
        "~ unshelve server demo-ada: status SHELVED_OFFLOADED -> ACTIVE"
    ]
    assert in_words("started", up(task_state="powering-off")) == [
        "~ start server demo-ada: status SHUTOFF -> ACTIVE (is powering-off now)"
    ]
    assert in_words("shelved", up(status="PAUSED")) == ["~ shelve server demo-ada: status PAUSED -> SHELVED"]
    assert in_words("rebuilt", up()) == ["~ rebuild server demo-ada (its disk is made anew)"]
    assert in_words("rebuilt", up(image_id="image-0")) == [
        "~ rebuild server demo-ada: image image-0 -> image-1 (its disk is made anew)"
    ]


def test_a_resize_in_words():
    small = up(flavor="m1.nano")
    assert in_words("resized", small) == ["~ resize server demo-ada: flavor m1.nano -> m2.small"]
    assert in_words("resized", replace(small, status="SHUTOFF"))[0].startswith("~ resize server")
    assert in_words("resized", up()) == in_words("resized", up(status="PAUSED")) == []
    assert in_words("resized", up(status="VERIFY_RESIZE")) == [
        "~ confirm server demo-ada: status VERIFY_RESIZE -> ACTIVE"
    ]
    assert in_words("resized", replace(small, status="VERIFY_RESIZE"))[0].startswith("~ resize server")
    assert in_words("resized", replace(small, status="SHELVED_OFFLOADED")) == [
        "! ada: server demo-ada is SHELVED_OFFLOADED, from where Nova doesn't resize it; "
        "start it first (state: started)"
    ]


def test_a_flavor_that_is_declared_by_its_id_is_known_at_the_first_look():
    first = replace(look(up()), ports=(), names=None, flavor="m2.small")
    assert plan(one(flavor="5d2b6a4e-0000-4000-8000-000000000000"), first).settled


def test_no_security_group_is_none_for_a_new_server_too():
    names = replace(NAMES, security_group_ids=(), security_groups=())
    steps = plan(one(security_groups=()), replace(look(), names=names))
    assert [str(action) for action in steps.actions] == [
        "create server demo-ada",
        "change port demo-ada: security_groups [default] -> []",
    ]


def test_a_floating_ip_on_another_server_is_not_bound_though_the_addresses_are_the_same():
    owner = Owner(COHORT, "ada", "public")
    address = seen.FloatingIP("f", "172.24.4.9", owner, "ext-1", "q", "10.0.0.5", device_id="another")
    first = replace(look(up(addresses=("10.0.0.5",)), floating_ips=(address,)), ports=(), names=None)
    assert [str(action) for action in plan(one(floating_network="public"), first).actions] == [
        "bind floating IP 172.24.4.9 (to demo-ada)"
    ]
    assert plan(one(floating_network="public"), replace(first, floating_ips=(replace(address, device_id="s"),))).settled


def test_what_is_on_its_way_there_is_only_waited_for():
    assert in_words("stopped", up(task_state="powering-off")) == []
    assert in_words("shelved", up(status="SHELVED", task_state="shelving_offloading")) == []
    assert in_words("started", up(status="REBOOT", task_state="rebooting")) == []


def test_a_status_from_where_there_is_no_way_is_refused_with_what_to_do():
    assert in_words("stopped", up(status="PAUSED")) == [
        "! ada: server demo-ada is PAUSED, from where Nova doesn't stop it; start it first (state: started)"
    ]
    assert in_words("rebuilt", up(status="SHELVED_OFFLOADED")) == [
        "! ada: server demo-ada is SHELVED_OFFLOADED, from where Nova doesn't rebuild it; "
        "start it first (state: started)"
    ]
    assert in_words("started", up(status="RESCUE")) == [
        "! ada: server demo-ada is RESCUE, from where Nova doesn't start it; settle that first"
    ]


def test_a_broken_server_is_rebuilt_only_when_asked():
    broken = up(status="ERROR", launched=True, fault="Disk lost.")
    assert in_words("rebuilt", broken) == ["~ rebuild server demo-ada (its disk is made anew)"]
    (line,) = in_words("stopped", broken)
    assert line.startswith("! ada: server demo-ada ran before and is in ERROR now: Disk lost")


def test_who_has_no_server_is_reported_and_gets_none_when_stopped():
    steps = plan(one(state="stopped"), look())
    assert steps.actions == ()
    assert [str(drift) for drift in steps.drift] == [
        "server demo-ada: presence is none, declared demo-ada; state: present makes it"
    ]


def test_metadata_waits_until_a_resize_is_confirmed():
    tagged = replace(one().instances[0], metadata=(("course", "TM351"),))
    resized = look(up(status="VERIFY_RESIZE"))
    left = plan(replace(one(), instances=(tagged,)), resized)
    assert (left.actions, [drift.field for drift in left.drift]) == ((), ["status", "metadata"])
    done = plan(replace(one(state="resized"), instances=(tagged,)), resized)
    assert [action.verb for action in done.actions] == ["confirm", "change"]


def test_what_is_being_built_has_no_group_in_the_end_either():
    names = replace(NAMES, security_group_ids=(), security_groups=())
    building = replace(look(up(status="BUILD", security_groups=())), names=names)
    for ports in ((), building.ports):
        (change,) = plan(one(security_groups=()), replace(building, ports=ports)).actions
        assert (change.kind, change.id, change.after) == ("port", None, {"security_groups": ()})


def test_metadata_waits_until_a_shelved_server_is_started():
    tagged = replace(one().instances[0], metadata=(("course", "TM351"),))
    shelved = look(up(status="SHELVED_OFFLOADED"))
    left = plan(replace(one(), instances=(tagged,)), shelved)
    assert left.actions == ()
    assert [drift.field for drift in left.drift] == ["metadata"]
    started = plan(replace(one(state="started"), instances=(tagged,)), shelved)
    assert [action.verb for action in started.actions] == ["unshelve", "change"]
