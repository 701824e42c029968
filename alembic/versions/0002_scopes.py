"""Scopes and flags: gradient indexes, lexical indexes and duplicates of a corpus, candidates of a run.

Column types are plain here, so that later changes of app.columns do not change what this revision makes.
"""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ADDED = {
    "tokenized_corpora": (
        ("preparer", sa.Text()),
        ("lexical_path", sa.Text()),
        ("lexical_bytes", sa.BigInteger()),
        ("duplicates_path", sa.Text()),
        ("duplicates", sa.Integer()),
    ),
    "scans": (("candidates", sa.LargeBinary()),),
    "runs": (("candidates", sa.LargeBinary()), ("selection", sa.JSON())),
    "influences": (("duplicate_of", sa.Integer()), ("overlap", sa.Double())),
}


def upgrade() -> None:
    for table, columns in ADDED.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_table(
        "indexes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("corpus", sa.Text(), nullable=False),
        sa.Column("config_digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("factors", sa.Integer(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("sequences", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("recall", sa.JSON(), nullable=True),
        sa.Column("negative_recall", sa.JSON(), nullable=True),
        sa.Column("seconds", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_indexes_model", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["corpus"], ["corpora.name"], name="fk_indexes_corpus", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["factors"], ["factors.id"], name="fk_indexes_factors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_indexes"),
        sa.UniqueConstraint("model", "corpus", "config_digest", name="uq_indexes_model_corpus_config_digest"),
    )


def downgrade() -> None:
    op.drop_table("indexes")
    for table, columns in reversed(ADDED.items()):
        for name, _ in reversed(columns):
            op.drop_column(table, name)
