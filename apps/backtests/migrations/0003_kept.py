"""Runs whose reports are kept; those that were used are."""

from django.db import migrations, models


def keep_the_used(apps, schema_editor):
    entries = apps.get_model("core", "AuditEntry").objects.filter(action="run.used")
    keys = [subject.rpartition(":")[2] for subject in entries.values_list("subject", flat=True)]
    apps.get_model("backtests", "Run")._base_manager.filter(pk__in=keys).update(is_kept=True)


class Migration(migrations.Migration):
    dependencies = [("backtests", "0002_trials_stay"), ("core", "0004_audit_entries_stay")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="is_kept",
            field=models.BooleanField(default=False, verbose_name="kept"),
        ),
        migrations.RunPython(keep_the_used, migrations.RunPython.noop),
    ]
