"""The database refuses to change or delete a version of a maker."""

from django.db import migrations

from apps.core import append_only

TABLE = "market_making_version"


def lay(apps, schema_editor):
    if not append_only.lay(schema_editor.connection, TABLE):
        print(f"\n  {TABLE} is not protected by triggers: see manage.py protect_rows")


def lift(apps, schema_editor):
    append_only.lift(schema_editor.connection, TABLE)


class Migration(migrations.Migration):
    dependencies = [("market_making", "0001_initial")]

    operations = [migrations.RunPython(lay, lift)]
