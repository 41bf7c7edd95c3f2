#!/usr/bin/env python
"""Django's command line, with the private servers attached where no others were given."""

import os
import sys

# Commands that only read the source tree need no servers.
OFFLINE = {"help", "version", "spectacular", "collectstatic"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")
    from django.core.management import execute_from_command_line

    if len(sys.argv) > 1 and sys.argv[1] not in OFFLINE:
        from mamweb.services import attach_services

        attach_services()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
