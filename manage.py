#!/usr/bin/env python
"""Django's command line, with the private servers attached where no others were given."""

import os
import sys

# Commands that only read the source tree need no servers.
OFFLINE = {"help", "version", "spectacular", "collectstatic"}


def needs_servers(arguments: list[str]) -> bool:
    if arguments[:1] == ["check"]:
        return "--database" in arguments
    return bool(arguments) and arguments[0] not in OFFLINE


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        from mamweb.services import attach_services

        if needs_servers(sys.argv[1:]):
            attach_services()
    except (ImproperlyConfigured, PermissionError) as error:
        sys.exit(f"manage.py: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
