"""The end of the audit chain stands there before the first entry: nobody races to make it."""

from django.db import migrations


def lay_the_end(apps, schema_editor):
    apps.get_model("core", "AuditHead").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("core", "0002_initial")]

    operations = [migrations.RunPython(lay_the_end, migrations.RunPython.noop)]
