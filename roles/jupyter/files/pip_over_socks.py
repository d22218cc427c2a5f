# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run pip in an environment that has no PySocks yet: the distribution's is lent to it.

Only that one module: with the directory on PYTHONPATH, pip would take all of the distribution's packages for installed.
"""

import sys

sys.path.append("/usr/lib/python3/dist-packages")
import socks  # noqa: F401  (urllib3 finds it among the loaded modules)

sys.path.pop()

from pip._internal.cli.main import main

sys.exit(main(sys.argv[1:]))
