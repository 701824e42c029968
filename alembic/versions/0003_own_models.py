"""People's own models and corpora: GGUF, adapters, training tokens, how a corpus is read; chat, contrast, candidates.

Column types are plain here, so that later changes of app.columns do not change what this revision makes.
"""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ADDED = {
    "models": (
        ("gguf_file", sa.Text()),
        ("adapter", sa.Text()),
        ("adapter_weights", sa.Text()),
        ("training_tokens", sa.BigInteger()),
        ("chat_template", sa.Text()),
    ),
    "corpora": (("parts", sa.JSON()), ("reading", sa.JSON()), ("skipped", sa.JSON())),
    "tokenized_corpora": (("parts", sa.JSON()), ("documents", sa.Integer())),
    "factors": (("sequences", sa.Integer()),),
    "queries": (
        ("chat", sa.JSON()),
        ("writer", sa.Text()),
        ("writing", sa.JSON()),
        ("against", sa.Text()),
        ("counted", sa.JSON()),
        ("candidates", sa.Text()),
    ),
    "scans": (("corpus_sequences", sa.Integer()),),
    "runs": (("log_p_against", sa.Double()),),
    "influences": (("documents", sa.JSON()),),
}
# What a row of an older revision holds, where the column is never empty.
EMPTY = {
    ("corpora", "parts"): "[]",
    ("corpora", "reading"): "{}",
    ("corpora", "skipped"): "{}",
    ("tokenized_corpora", "parts"): "[]",
}


def upgrade() -> None:
    op.create_table(
        "candidate_lists",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_candidate_lists"),
    )
    for table, columns in ADDED.items():
        for name, kind in columns:
            empty = EMPTY.get((table, name))
            op.add_column(table, sa.Column(name, kind, nullable=empty is None, server_default=empty))


def downgrade() -> None:
    for table, columns in reversed(ADDED.items()):
        for name, _ in reversed(columns):
            op.drop_column(table, name)
    op.drop_table("candidate_lists")
