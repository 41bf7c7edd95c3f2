from django.db import migrations


def confirm(apps, schema_editor):
    """Whoever was made by another person has their address confirmed: sign-in looks there."""
    using = schema_editor.connection.alias
    address = apps.get_model("account", "EmailAddress")._default_manager.using(using)
    known = set(address.values_list("user_id", flat=True))
    people = apps.get_model("governance", "User")._default_manager.using(using).exclude(id__in=known)
    address.bulk_create(address.model(user_id=user.id, email=user.email.lower(), primary=True, verified=True) for user in people)


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0002_audit_key_as_long_as_an_id"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [migrations.RunPython(confirm, migrations.RunPython.noop)]
