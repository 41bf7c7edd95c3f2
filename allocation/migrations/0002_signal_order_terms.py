import base.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('allocation', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='signal',
            name='protect',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='signal',
            name='route',
            field=base.fields.CodeField(blank=True, codes=['OVER_TIME', 'AT_ONCE'], default='', max_length=16),
        ),
        migrations.AddField(
            model_name='signal',
            name='take_profit_price',
            field=base.fields.PriceField(decimal_places=10, max_digits=28, null=True),
        ),
        migrations.AddField(
            model_name='signal',
            name='time_in_force',
            field=base.fields.CodeField(blank=True, codes=['IOC', 'DAY'], default='', max_length=16),
        ),
        # Nothing was ever stated in the old column; made anew, it gets the database's check of its words, which altering does not give.
        migrations.RemoveField(model_name='signal', name='order_type'),
        migrations.AddField(
            model_name='signal',
            name='order_type',
            field=base.fields.CodeField(blank=True, codes=['LIMIT'], default='', max_length=16),
        ),
    ]
