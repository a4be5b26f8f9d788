"""The WSGI entry point."""

import os

from fleet.app import create_app
from fleet.embedded import EmbeddedError
from fleet.settings import Settings, SettingsError

try:
    app = create_app(Settings.from_env(os.environ))
except (SettingsError, EmbeddedError) as error:
    # A sentence for whoever has to mend it, not a traceback.
    raise SystemExit(str(error)) from error
