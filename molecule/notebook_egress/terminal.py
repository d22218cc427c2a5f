"""Run commands in terminals of a running Jupyter, each in a new one.

usage: terminal.py URL COMMAND...   with the password in the environment variable PASSWORD. Prints what each printed, as
JSON.
"""

import json
import os
import sys

from session import in_terminal, logged_in

base, *commands = sys.argv[1:]
session = logged_in(base, os.environ["PASSWORD"])
json.dump([in_terminal(session, base, command) for command in commands], sys.stdout)
