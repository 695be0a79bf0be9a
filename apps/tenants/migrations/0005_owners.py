from django.db import migrations


def name_owners(apps, schema_editor):
    """Whoever was a superuser without a tenant is an owner."""
    users = apps.get_model("tenants", "User").objects
    users.filter(is_superuser=True, tenant=None, role="").update(role="owner")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_logins_and_roles")]
    operations = [migrations.RunPython(name_owners, migrations.RunPython.noop)]
