"""Alembic's environment: executes the revisions on the connection of `migrations.apply`, or prints SQL."""

from alembic import context

from auditwright.storage.layout import VERSION_TABLE

connection = context.config.attributes.get("connection")
if connection is None:
    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        as_sql=True,
        version_table=VERSION_TABLE,
        transaction_per_migration=True,
        output_buffer=context.config.output_buffer,
    )
else:
    context.configure(connection=connection, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
