"""The WSGI entry point."""

import os

from fleet.app import create_app
from fleet.settings import Settings

app = create_app(Settings.from_env(os.environ))
