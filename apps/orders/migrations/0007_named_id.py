from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_unheld")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="named_id",
            field=models.CharField(blank=True, max_length=64, verbose_name="named by a person"),
        ),
    ]
