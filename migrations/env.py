"""Alembic's environment: migrations run over the connection that ``fleet.migrate`` opened."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from fleet import models
from fleet.db import Base

assert models  # noqa: S101 - imported so that every table is known


def render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write an enum into a migration as the words it had then, not as today's Python class."""
    if kind != "type" or not isinstance(item, sa.Enum):
        return False
    words = ", ".join(f'"{word}"' for word in item.enums)
    checked = f"native_enum=False, create_constraint={item.create_constraint}, length=32"
    return f"sa.Enum({words}, name={item.name!r}, {checked})"


context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_item=render)
with context.begin_transaction():
    context.run_migrations()
