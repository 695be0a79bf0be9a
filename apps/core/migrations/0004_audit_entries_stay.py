"""The database refuses to change or delete an entry of the audit trail."""

from django.db import migrations

from apps.core import append_only

TABLE = "core_auditentry"


def lay(apps, schema_editor):
    if not append_only.lay(schema_editor.connection, TABLE):
        print(f"\n  {TABLE} is not protected by triggers: see manage.py protect_rows")


def lift(apps, schema_editor):
    append_only.lift(schema_editor.connection, TABLE)


class Migration(migrations.Migration):
    dependencies = [("core", "0003_audit_head")]

    operations = [migrations.RunPython(lay, lift)]
