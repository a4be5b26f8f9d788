"""Previews of bulk acts that nobody carried out are forgotten; what was carried out stays."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ITEMS_ACT = "fk_bulk_item_bulk_id"

CARRIED_OUT_STANDS = """
CREATE TRIGGER bulk_act_begun_is_kept BEFORE DELETE ON bulk_act
    FOR EACH ROW WHEN (OLD.begun_at IS NOT NULL) EXECUTE FUNCTION keep_log();
"""


def upgrade() -> None:
    op.create_index(
        "ix_bulk_act_preview", "bulk_act", ["asked_at"], postgresql_where=sa.text("begun_at IS NULL"), unique=False
    )
    _tie_items("CASCADE")
    # An act's items go with it in the right of their table's owner.
    op.execute("GRANT DELETE ON bulk_act TO fleet_application")
    op.execute(CARRIED_OUT_STANDS)


def downgrade() -> None:
    op.execute("DROP TRIGGER bulk_act_begun_is_kept ON bulk_act")
    op.execute("REVOKE DELETE ON bulk_act FROM fleet_application")
    _tie_items(None)
    op.drop_index("ix_bulk_act_preview", table_name="bulk_act")


def _tie_items(ondelete: str | None) -> None:
    op.drop_constraint(_ITEMS_ACT, "bulk_item", type_="foreignkey")
    op.create_foreign_key(_ITEMS_ACT, "bulk_item", "bulk_act", ["bulk_id"], ["id"], ondelete=ondelete)
