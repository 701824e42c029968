"""The first schema: models, corpora, factors, queries, runs, influences, scans and workers.

Column types are plain here, so that later changes of app.columns do not change what this revision makes.
"""

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "corpora",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_corpora"),
    )
    op.create_table(
        "models",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=True),
        sa.Column("corpus", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("preparer", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("parameters", sa.Integer(), nullable=True),
        sa.Column("non_embedding_parameters", sa.Integer(), nullable=True),
        sa.Column("layers", sa.JSON(), nullable=False),
        sa.Column("tracked", sa.JSON(), nullable=False),
        sa.Column("untracked", sa.JSON(), nullable=False),
        sa.Column("context_length", sa.Integer(), nullable=True),
        sa.Column("begins_with", sa.Integer(), nullable=True),
        sa.Column("begins_with_text", sa.Text(), nullable=True),
        sa.Column("fact_recall", sa.Double(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("tokenizer_fingerprint", sa.Text(), nullable=True),
        sa.Column("tokenizer_json", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_models"),
    )
    op.create_index("ix_models_state", "models", ["state"])

    op.create_table(
        "rescues",
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workflow", name="pk_rescues"),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("busy", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_workers"),
    )
    op.create_table(
        "queries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("curated", sa.Boolean(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("completion", sa.Text(), nullable=False),
        sa.Column("corpus", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("keep", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["corpus"], ["corpora.name"], name="fk_queries_corpus"),
        sa.PrimaryKeyConstraint("id", name="pk_queries"),
    )
    op.create_index("ix_queries_created_at", "queries", ["created_at"])

    op.create_table(
        "tokenized_corpora",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("corpus", sa.Text(), nullable=False),
        sa.Column("tokenizer_fingerprint", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sequences", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["corpus"], ["corpora.name"], name="fk_tokenized_corpora_corpus", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tokenized_corpora"),
        sa.UniqueConstraint(
            "corpus",
            "tokenizer_fingerprint",
            "length",
            name="uq_tokenized_corpora_corpus_tokenizer_fingerprint_length",
        ),
    )
    op.create_table(
        "factors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_fingerprint", sa.Text(), nullable=False),
        sa.Column("tokenized", sa.Integer(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("config_digest", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("seconds", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_factors_model", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["tokenized"], ["tokenized_corpora.id"], name="fk_factors_tokenized", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_factors"),
        sa.UniqueConstraint(
            "model_fingerprint",
            "tokenized",
            "config_digest",
            name="uq_factors_model_fingerprint_tokenized_config_digest",
        ),
    )
    op.create_table(
        "scans",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("corpus", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("tokenized", sa.Integer(), nullable=True),
        sa.Column("factors", sa.Integer(), nullable=True),
        sa.Column("run_ids", sa.JSON(), nullable=False),
        sa.Column("keep", sa.Integer(), nullable=False),
        sa.Column("shard_sequences", sa.Integer(), nullable=True),
        sa.Column("sequences", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["corpus"], ["corpora.name"], name="fk_scans_corpus"),
        sa.ForeignKeyConstraint(["factors"], ["factors.id"], name="fk_scans_factors", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_scans_model"),
        sa.ForeignKeyConstraint(["tokenized"], ["tokenized_corpora.id"], name="fk_scans_tokenized"),
        sa.PrimaryKeyConstraint("id", name="pk_scans"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("query_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("seconds_left", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("scan_id", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("log_p", sa.Double(), nullable=True),
        sa.Column("partial", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("layers", sa.JSON(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=True),
        sa.Column("layer_profile", sa.JSON(), nullable=True),
        sa.Column("training_sequences", sa.Integer(), nullable=True),
        sa.Column("sequences_scanned", sa.Integer(), nullable=True),
        sa.Column("beginning_of_sequence", sa.Boolean(), nullable=True),
        sa.Column("model_fingerprint", sa.Text(), nullable=True),
        sa.Column("tokenizer_fingerprint", sa.Text(), nullable=True),
        sa.Column("corpus_fingerprint", sa.Text(), nullable=True),
        sa.Column("factors_fingerprint", sa.Text(), nullable=True),
        sa.Column("factors_config", sa.JSON(), nullable=True),
        sa.Column("versions", sa.JSON(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("seconds", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_runs_model"),
        sa.ForeignKeyConstraint(["query_id"], ["queries.id"], name="fk_runs_query_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name="fk_runs_scan_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_model", "runs", ["model"])
    op.create_index("ix_runs_query_id", "runs", ["query_id"])
    op.create_index("ix_runs_scan_id", "runs", ["scan_id"])
    op.create_index("ix_runs_state_queued_at", "runs", ["state", "queued_at"])

    op.create_table(
        "scan_shards",
        sa.Column("scan_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("stop", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name="fk_scan_shards_scan_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scan_id", "number", name="pk_scan_shards"),
    )
    op.create_table(
        "influences",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("sign", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("sequence_id", sa.Integer(), nullable=False),
        sa.Column("influence", sa.Double(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("token_ids", sa.LargeBinary(), nullable=False),
        sa.Column("offsets", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("layer", sa.LargeBinary(), nullable=False),
        sa.Column("matrix", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_influences_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "sign", "rank", name="pk_influences"),
    )
    op.create_index("ix_influences_run_id_sequence_id", "influences", ["run_id", "sequence_id"])


def downgrade() -> None:
    op.drop_index("ix_influences_run_id_sequence_id", table_name="influences")

    op.drop_table("influences")
    op.drop_table("scan_shards")
    op.drop_index("ix_runs_state_queued_at", table_name="runs")
    op.drop_index("ix_runs_scan_id", table_name="runs")
    op.drop_index("ix_runs_query_id", table_name="runs")
    op.drop_index("ix_runs_model", table_name="runs")

    op.drop_table("runs")
    op.drop_table("scans")
    op.drop_table("factors")
    op.drop_table("tokenized_corpora")
    op.drop_index("ix_queries_created_at", table_name="queries")

    op.drop_table("queries")
    op.drop_table("workers")
    op.drop_table("rescues")
    op.drop_index("ix_models_state", table_name="models")

    op.drop_table("models")
    op.drop_table("corpora")
