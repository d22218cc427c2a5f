"""Creates the services' users and endpoints, heat's domain, and the project that course teams work in."""

import cloud

SERVICES = {
    'glance': ('image', 'http://{}:9292'),
    'placement': ('placement', 'http://{}:8778'),
    'nova': ('compute', 'http://{}:8774/v2.1'),
    'neutron': ('network', 'http://{}:9696'),
    'cinder': ('volumev3', 'http://{}:8776/v3/%(tenant_id)s'),
    'heat': ('orchestration', 'http://{}:8004/v1/%(tenant_id)s'),
}


def main():
    passwords = dict(line.split('=') for line in (cloud.STATE / 'passwords').read_text().split())
    identity = cloud.insist(lambda: cloud.connect().identity, 120)  # keystone was started a moment ago
    default = identity.find_domain('Default')
    # heat gives "heat_stack_user" to the users that it makes for a stack
    for name in ('heat_stack_owner', 'heat_stack_user', 'member', 'reader', 'service'):
        identity.find_role(name) or identity.create_role(name=name)
    role = {role.name: role for role in identity.roles()}

    service_project = identity.create_project(name='service', domain_id=default.id)
    for name, (kind, url) in SERVICES.items():
        user = identity.create_user(name=name, password=passwords['service'], domain_id=default.id)
        identity.assign_project_role_to_user(service_project, user, role['admin'])
        service = identity.create_service(name=name, type=kind)
        for interface in ('public', 'internal', 'admin'):
            identity.create_endpoint(service_id=service.id, interface=interface, region_id='RegionOne',
                                     url=url.format(cloud.DECLARATION['management_address']))

    heat = identity.create_domain(name='heat')
    user = identity.create_user(name='heat_domain_admin', password=passwords['service'], domain_id=heat.id)
    identity.assign_domain_role_to_user(heat, user, role['admin'])

    project = identity.create_project(name='demo', domain_id=default.id)
    user = identity.create_user(name='demo', password=passwords['demo'], domain_id=default.id)
    for name in ('member', 'heat_stack_owner'):
        identity.assign_project_role_to_user(project, user, role[name])


main()
