#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print, as JSON, what decides which wheels fit this host: its Python, its platform, and what markers may ask for."""

import json
import os
import platform
import sys

version = platform.python_version()
print(
    json.dumps(
        {
            "machine": platform.machine(),
            "glibc": platform.libc_ver()[1] if platform.libc_ver()[0] == "glibc" else "",
            "markers": {
                "implementation_name": sys.implementation.name,
                "implementation_version": version,
                "os_name": os.name,
                "platform_machine": platform.machine(),
                "platform_python_implementation": platform.python_implementation(),
                "platform_system": platform.system(),
                "python_full_version": version,
                "python_version": ".".join(version.split(".")[:2]),
                "sys_platform": sys.platform,
                # Two hosts of one kind are to share their wheels, whatever kernel they run
                "platform_release": "",
                "platform_version": "",
            },
        }
    )
)
