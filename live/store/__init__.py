"""The durable half of the live side: schema, migrations, the writer's lock, and the journal. Only here is SQL."""
