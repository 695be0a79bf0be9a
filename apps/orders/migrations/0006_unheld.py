from django.db import migrations

import apps.core.fields


class Migration(migrations.Migration):
    dependencies = [("orders", "0005_doubted")]

    operations = [
        migrations.AddField(
            model_name="fill",
            name="unheld",
            field=apps.core.fields.PriceField(
                db_index=True,
                decimal_places=18,
                default=0,
                max_digits=36,
                verbose_name="not held",
            ),
        ),
    ]
