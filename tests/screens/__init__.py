"""Pictures of every page: `make screens` (README there: `__main__.py --help`)."""
