# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of a cohort's instances; they match INSTANCES_ARGUMENTS."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment ouseful.coursevm.instances."""

    DOCUMENTATION = r"""
options:
  cohort:
    description: Name of the cohort; 1 to 31 lower case letters, digits and hyphens.
    type: str
    required: true
  instances:
    description: The students. With O(state=absent) those whose instances are removed.
    type: list
    elements: dict
    required: true
    suboptions:
      student:
        description: Id of the student; 1 to 31 lower case letters, digits and hyphens.
        type: str
        required: true
      name:
        description: Name of the server. V(COHORT-STUDENT) when not given.
        type: str
      user_data:
        description: What cloud-init gets. Any process in the server can read it, so it is no place for secrets.
        type: str
      metadata:
        description: Metadata of the server. Other keys that it has are left alone.
        type: dict
      network:
        description: Name or id of this student's network. The one of all instances when not given.
        type: str
  image:
    description: Name or id of the image. It is an error when several active images have that name.
    type: str
  flavor:
    description: Name or id of the flavor. Of servers that are there it is changed by O(state=resized) only.
    type: str
  availability_zone:
    description: Zone to put new servers in. Not compared when not given.
    type: str
  key_name:
    description:
      - Name of an existing keypair of the user who runs this. cloud-init puts its public key into the server.
      - Not compared when not given. Can be changed by O(state=rebuilt) only.
    type: str
  config_drive:
    description:
      - Whether the servers get metadata and user data on a drive, too, for networks without the metadata service.
      - Not compared when not given. Can't be changed later.
    type: bool
  server_group:
    description:
      - Name or id of an existing server group that new servers are put into, for example one with the policy
        C(soft-anti-affinity), which spreads them over the hosts.
      - It is not made here, because Nova lets nobody mark a group as a cohort's
        (C(openstack server group create --policy soft-anti-affinity NAME)). Mind its quota, often 10 servers a group.
      - Not compared when not given. Can't be changed later.
    type: str
  volume_size:
    description:
      - Size in GiB of the volume that new servers boot from, made from O(image). From the flavor's disk when not given.
      - Can't be changed later, and a server on a volume can't be rebuilt.
    type: int
  delete_on_termination:
    description:
      - Whether that volume goes with its server. What stays when the server is removed is named in the result, and no
        longer looked after by this module.
      - Of new servers it goes along when this is not given, which is then not compared.
      - A change needs OpenStack Ussuri or newer, and so does V(false), which is set when the server is up.
    type: bool
  state:
    description:
      - What becomes of the instances listed.
      - V(present) makes what is missing and leaves the power state of servers alone.
      - V(started) is V(present), and every server running (C(ACTIVE)); also one that was paused, suspended or shelved.
      - V(stopped) stops the servers that are there (C(SHUTOFF)), and V(shelved) shelves them. Nothing else is made,
        changed or compared, so image, flavor and network need not be given. A student without a server is reported. A
        shelved server stays so when V(stopped) is asked for.
      - V(resized) is V(present), and every server that is there with another flavor gets the one in O(flavor). Nova
        stops the server for that and starts it again; a stopped one stays so. Disk, port, floating IP and id stay. It
        refuses a flavor whose disk is smaller. A resize that waits for its confirmation gets it.
      - V(rebuilt) is V(present), and every server that is there gets a new disk from O(image), with the declared user
        data, metadata and keypair. B(All that is on the disk is lost.) Port, floating IP and id stay, and a stopped
        server is stopped again. That is a change every time.
      - V(absent) removes servers, ports and floating IPs.
    type: str
    choices: [present, absent, started, stopped, shelved, resized, rebuilt]
    default: present
  prune:
    description: Whether to remove the instances of students of the cohort who are not in O(instances).
    type: bool
    default: false
  timeout:
    description: Seconds for the whole cohort to come up, to go, or to get into the state asked for.
    type: int
    default: 600
  concurrency:
    description: Number of requests to make at the same time. One more asks how far the servers are, except with V(1).
    type: int
    default: 8
  retries:
    description:
      - How often a server that comes up in ERROR is removed and made again; also one of another run's that vanishes.
      - Also how often a server that doesn't get into the state asked for is told again.
    type: int
    default: 1
  progress_file:
    description:
      - File to which lines about the progress are appended while the module works.
      - On the control machine the lines are shown as they come, without this option.
    type: path
"""
