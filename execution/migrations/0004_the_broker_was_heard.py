from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('execution', '0003_an_execution_may_be_external_first'),
    ]

    operations = [
        migrations.AddField(
            model_name='gatewaylease',
            name='heard_at',
            field=models.DateTimeField(null=True),
        ),
    ]
