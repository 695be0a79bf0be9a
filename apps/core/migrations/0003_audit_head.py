"""The end of the audit chain stands there before the first entry: nobody races to make it."""

from django.db import migrations, models


def lay_the_end(apps, schema_editor):
    apps.get_model("core", "AuditHead").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("core", "0002_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="audithead",
            options={
                "verbose_name": "end of the audit trail",
                "verbose_name_plural": "ends of the audit trail",
            },
        ),
        migrations.AlterField(
            model_name="audithead",
            name="hash",
            field=models.CharField(default="0" * 64, max_length=64, verbose_name="hash"),
        ),
        migrations.AlterField(
            model_name="audithead",
            name="number",
            field=models.BigIntegerField(default=0, verbose_name="number"),
        ),
        migrations.RunPython(lay_the_end, migrations.RunPython.noop),
    ]
