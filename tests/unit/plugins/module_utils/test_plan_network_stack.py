"""Properties of the planning of a network stack, and its words."""

from __future__ import annotations

from dataclasses import replace

import cloud_model as model
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ouseful.coursevm.plugins.module_utils import desired as want
from ansible_collections.ouseful.coursevm.plugins.module_utils import observed as seen
from ansible_collections.ouseful.coursevm.plugins.module_utils.ownership import Owner
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import PlanError
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan_network_stack import plan

COHORT, NAME = "demo", "coursevm-demo"
OURS, THEIRS = Owner(COHORT), Owner("other")
SSH = want.Rule("ingress", "IPv4", "tcp", 22, 22, None)
HTTP = want.Rule("ingress", "IPv4", "tcp", 80, 80, None)
ECHO = want.Rule("ingress", "IPv4", "icmp", 8, 0, None)
OPEN = want.Rule("ingress", "IPv4", "tcp", 1, 65535, None)
OUT = want.Rule("egress", "IPv4", None, None, None, None)
OUT_6 = want.Rule("egress", "IPv6", None, None, None, None)
WEB = want.Rule("egress", "IPv4", "tcp", 443, 443, None)
OPEN_GROUP = seen.SecurityGroup("g", NAME, OURS, (("1", OUT), ("2", OUT_6)))
RULES = st.sampled_from([SSH, HTTP, ECHO, OPEN, OUT, OUT_6, WEB])

subnet_facts = st.fixed_dictionaries(
    {},
    optional={
        "gateway_ip": st.sampled_from(["10.0.0.1", "10.0.0.254"]),
        "dns_nameservers": st.sampled_from([(), ("9.9.9.9",), ("9.9.9.9", "1.1.1.1")]),
        "allocation_pools": st.sampled_from([(("10.0.0.10", "10.0.0.99"),)]),
        "enable_dhcp": st.booleans(),
        "ipv6_ra_mode": st.sampled_from(["slaac", "dhcpv6-stateful"]),
    },
)
wanted_stacks = st.builds(
    want.NetworkStack,
    st.just(COHORT),
    st.just(NAME),
    st.sampled_from([None, "public"]),
    st.dictionaries(st.sampled_from(["a", "b"]), subnet_facts).map(
        lambda subnets: tuple(model.subnet(name, **facts) for name, facts in subnets.items())
    ),
    st.sets(RULES).map(lambda rules: tuple((rule, "") for rule in rules)),
    st.booleans(),
    st.sampled_from([None, True, False]),
)


@st.composite
def states(draw):
    """Any state, from nothing to more than was declared, that a cohort's network can be in."""
    external = draw(st.sampled_from([None, "ext-1", "ext-2"]))
    state = seen.NetworkStackState(external_network_id=external)
    routers = draw(st.sampled_from([(), (seen.Router("r", NAME, OURS, draw(st.sampled_from(["ext-1", "ext-2"]))),)]))
    state = replace(state, routers=routers)
    if draw(st.booleans()):
        names = draw(st.sets(st.sampled_from(["a", "b", "c"])))
        subnets = tuple(
            replace(seen.Subnet(f"s-{name}", name, OURS, "10.0.0.0/24"), **draw(subnet_facts)) for name in sorted(names)
        )
        attached = draw(st.sets(st.sampled_from(sorted(names)))) if names and routers else set()
        ports = tuple(
            seen.Port(f"p-{s.name}", "", None, "n", "r", seen.ROUTER_PORTS[0], (s.id,), (s.gateway_ip,))
            for s in subnets
            if s.name in attached
        )
        dhcp = (seen.Port("p-dhcp", "", None, "n", "dhcp", "network:dhcp", tuple(s.id for s in subnets)),)
        state = replace(state, networks=(seen.Network("n", NAME, OURS),), subnets=subnets, ports=ports + dhcp)
    if draw(st.booleans()):
        # The dev cloud's Neutron refuses a second one of the same meaning; whether every one does isn't known.
        rules = tuple((f"rule-{number}", rule) for number, rule in enumerate(draw(st.lists(RULES))))
        state = replace(state, security_groups=(seen.SecurityGroup("g", NAME, OURS, rules),))
    return state


@given(wanted_stacks, states())
def test_after_the_plan_there_is_nothing_to_do(desired, state):
    after = model.apply_to_stack(desired, state, plan(desired, state))
    assert plan(desired, after).actions == ()


@given(wanted_stacks, states())
def test_an_interrupted_plan_is_finished_by_the_next(desired, state):
    steps = plan(desired, state)
    for done in range(len(steps.actions)):
        half = model.apply_to_stack(desired, state, replace(steps, actions=steps.actions[:done]))
        after = model.apply_to_stack(desired, half, plan(desired, half))
        assert plan(desired, after).actions == ()


@given(wanted_stacks, states())
def test_absent_leaves_nothing_and_present_makes_all(desired, state):
    after = model.apply_to_stack(desired, state, plan(desired, state))
    if desired.present:
        assert {s.name for s in desired.subnets} <= {s.name for s in after.subnets}
        declared = {rule for rule, _description in desired.rules}
        found = {rule for _id, rule in after.security_groups[0].rules}
        assert {r for r in found if r.direction == "ingress"} == {r for r in declared if r.direction == "ingress"}
        outgoing = {r for r in declared if r.direction == "egress"}
        if desired.default_egress or (desired.default_egress is None and not outgoing):
            outgoing |= {OUT, OUT_6}
        assert {r for r in found if r.direction == "egress"} == outgoing
    else:
        assert (after.networks, after.routers, after.security_groups) == ((), (), ())


@pytest.mark.parametrize(
    ("collection", "resource"),
    [
        ("networks", seen.Network("n", NAME, None)),
        ("networks", seen.Network("n", NAME, THEIRS)),
        ("routers", seen.Router("r", NAME, None)),
        ("security_groups", seen.SecurityGroup("g", NAME, None)),
    ],
)
def test_a_taken_name_is_an_error_when_present_and_left_alone_when_absent(collection, resource):
    state = seen.NetworkStackState(external_network_id="ext-1", **{collection: (resource,)})
    present = want.NetworkStack(COHORT, NAME, "public")
    with pytest.raises(PlanError, match=rf"{resource.id}\) exists and .*left alone"):
        plan(present, state)
    assert plan(replace(present, present=False), state).actions == ()


strangers = st.sampled_from([None, THEIRS])


@given(wanted_stacks, states(), st.dictionaries(st.sampled_from(["networks", "routers", "security_groups"]), strangers))
def test_what_is_not_ours_is_never_touched(desired, state, owners):
    kinds = {"networks": seen.Network, "routers": seen.Router, "security_groups": seen.SecurityGroup}
    for collection, owner in owners.items():
        found = getattr(state, collection)
        state = replace(state, **{collection: (*found, kinds[collection]("a-stranger", NAME, owner))})
    try:
        steps = plan(desired, state)
    except PlanError:
        assert desired.present
        return
    assert "a-stranger" not in {action.id for action in steps.actions}
    after = model.apply_to_stack(desired, state, steps)
    assert all(any(one.id == "a-stranger" for one in getattr(after, collection)) for collection in owners)


def test_a_network_in_use_is_not_removed_and_its_users_are_named():
    port = seen.Port("p", "demo-ada", Owner(COHORT, "ada"), "n", "server", "compute:nova")
    state = seen.NetworkStackState(networks=(seen.Network("n", NAME, OURS),), ports=(port,))
    with pytest.raises(PlanError, match="still in use by demo-ada; remove the cohort's instances first"):
        plan(want.NetworkStack(COHORT, NAME, present=False), state)


def test_the_plan_in_words():
    state = seen.NetworkStackState(
        external_network_id="ext-1",
        networks=(seen.Network("n", NAME, OURS),),
        subnets=(seen.Subnet("s", "a", OURS, "10.0.0.0/24", gateway_ip="10.0.0.1"),),
        security_groups=(seen.SecurityGroup("g", NAME, OURS, (("1", OPEN), ("2", OUT), ("3", OUT_6))),),
    )
    desired = want.NetworkStack(
        COHORT, NAME, "public", (model.subnet("a", dns_nameservers=("9.9.9.9",)),), ((SSH, "Shell"),)
    )
    assert plan(desired, state).in_words().splitlines() == [
        "~ change subnet a: dns_nameservers [] -> [9.9.9.9]",
        "+ create router coursevm-demo (gateway public)",
        "~ attach subnet a (to router coursevm-demo)",
        "- delete rule ingress tcp 1-65535 from anywhere (IPv4)",
        "+ create rule ingress tcp 22 from anywhere (IPv4) (Shell)",
    ]


def test_another_cidr_is_reported_and_left():
    state = seen.NetworkStackState(
        networks=(seen.Network("n", NAME, OURS),),
        subnets=(seen.Subnet("s", "a", OURS, "10.9.0.0/24"),),
        security_groups=(OPEN_GROUP,),
    )
    steps = plan(want.NetworkStack(COHORT, NAME, None, (model.subnet("a"),)), state)
    assert steps.actions == ()
    assert "cidr is 10.9.0.0/24, declared 10.0.0.0/24" in str(steps.drift[0])


def test_a_gateway_that_a_router_has_is_reported_and_left():
    state = seen.NetworkStackState(
        external_network_id="ext-1",
        networks=(seen.Network("n", NAME, OURS),),
        subnets=(seen.Subnet("s", "a", OURS, "10.0.0.0/24", gateway_ip="10.0.0.1"),),
        routers=(seen.Router("r", NAME, OURS, "ext-1"),),
        ports=(seen.Port("p", "", None, "n", "r", seen.ROUTER_PORTS[0], ("s",), ("10.0.0.1",)),),
        security_groups=(OPEN_GROUP,),
    )
    wanted = model.subnet("a", gateway_ip="10.0.0.254", dns_nameservers=("9.9.9.9",))
    desired = want.NetworkStack(COHORT, NAME, "public", (wanted,))
    steps = plan(desired, state)
    assert [action.after for action in steps.actions] == [{"dns_nameservers": ["9.9.9.9"]}]
    assert "gateway_ip is 10.0.0.1, declared 10.0.0.254; Neutron doesn't change it" in str(steps.drift[0])
    (change,) = plan(desired, replace(state, ports=())).actions[:1]
    assert change.after["gateway_ip"] == "10.0.0.254"


def test_a_rule_that_is_there_in_two_ways_goes_in_both():
    rules = (("1", HTTP), ("2", HTTP), ("3", SSH), ("4", OUT), ("5", OUT_6))
    state = seen.NetworkStackState(
        networks=(seen.Network("n", NAME, OURS),), security_groups=(seen.SecurityGroup("g", NAME, OURS, rules),)
    )
    steps = plan(want.NetworkStack(COHORT, NAME, rules=((SSH, ""),)), state)
    assert [(action.verb, action.id) for action in steps.actions] == [("delete", "1"), ("delete", "2")]


def test_a_rule_for_outgoing_traffic_that_nobody_declared_goes():
    rules = (("1", WEB), ("2", OUT), ("3", OUT_6))
    state = seen.NetworkStackState(
        networks=(seen.Network("n", NAME, OURS),), security_groups=(seen.SecurityGroup("g", NAME, OURS, rules),)
    )
    steps = plan(want.NetworkStack(COHORT, NAME), state)
    assert [(action.verb, action.id) for action in steps.actions] == [("delete", "1")]


def test_a_port_of_nobody_is_named_by_its_id():
    state = seen.NetworkStackState(
        networks=(seen.Network("n", NAME, OURS),), ports=(seen.Port("p-1", "", None, "n", "", ""),)
    )
    with pytest.raises(PlanError, match="still in use by p-1;"):
        plan(want.NetworkStack(COHORT, NAME, present=False), state)


def test_the_modes_of_an_ipv6_subnet_are_given_and_only_reported_later():
    wanted = want.Subnet("a", "fd00::/64", 6, ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    desired = want.NetworkStack(COHORT, NAME, None, (wanted,))
    (create,) = [action for action in plan(desired, seen.NetworkStackState()).actions if action.kind == "subnet"]
    assert create.after == {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    present = seen.Subnet("s", "a", OURS, "fd00::/64", 6, ipv6_ra_mode="slaac")
    state = seen.NetworkStackState(
        networks=(seen.Network("n", NAME, OURS),),
        subnets=(present,),
        security_groups=(OPEN_GROUP,),
    )
    steps = plan(desired, state)
    assert steps.actions == ()
    assert [str(drift) for drift in steps.drift] == [
        "subnet a: ipv6_address_mode is none, declared slaac; "
        "Neutron never changes it; remove the cohort's network and run again"
    ]


@given(wanted_stacks, states(), st.sampled_from(["ada", "grace"]))
def test_a_students_network_is_planned_like_the_cohorts_but_for_the_group(whole, state, student):
    own = replace(whole, student=student, rules=(), has_group=False)
    state = replace(state, security_groups=())
    steps = plan(own, state)
    assert not [action for action in steps.actions if action.kind in ("security group", "rule")]
    assert {action.student for action in steps.actions} <= {student}
    after = model.apply_to_stack(own, state, steps)
    assert plan(own, after).actions == ()


OF_GRACE = seen.Network("n9", f"{NAME}-grace", Owner("demo", "grace"))
EARLIER = seen.Network("n8", f"{NAME}-x-grace", Owner("demo", "grace"))  # of a stack that is called so


@given(wanted_stacks, states(), st.sampled_from([(), (OF_GRACE,), (OF_GRACE, EARLIER), (EARLIER,)]))
def test_the_group_alone_is_planned_and_goes_with_the_last_network(whole, state, others):
    common = replace(whole, subnets=(), external_network=None, has_network=False)
    state = seen.NetworkStackState(security_groups=state.security_groups, undeclared=others)
    steps = plan(common, state)
    assert {action.kind for action in steps.actions} <= {"security group", "rule"}
    after = model.apply_to_stack(common, state, steps)
    assert plan(common, after).actions == ()
    if not common.present:
        assert after.security_groups == (state.security_groups if OF_GRACE in others else ())
