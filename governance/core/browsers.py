"""What a browser calls itself, in words. Entry point: `browser_words`.

Only the few families people sign in with are known: a longer list ages, and a wrong name misleads more than none.
"""

from __future__ import annotations

UNKNOWN_BROWSER = "Unknown browser"
# In this order: most of them also claim to be those below.
_BROWSERS = (
    ("Edge", ("Edg/", "EdgA/", "EdgiOS/", "Edge/")),
    ("Opera", ("OPR/", "OPiOS/")),
    ("Samsung Internet", ("SamsungBrowser/",)),
    ("Vivaldi", ("Vivaldi/",)),
    ("Firefox", ("Firefox/", "FxiOS/")),
    ("Chrome", ("Chrome/", "Chromium/", "CriOS/", "HeadlessChrome/")),
    ("Safari", ("Safari/",)),
)
_SYSTEMS = (
    ("iPhone", ("iPhone",)),
    ("iPad", ("iPad",)),
    ("Android", ("Android",)),
    ("Windows", ("Windows NT",)),
    ("ChromeOS", ("CrOS",)),
    ("Mac", ("Macintosh", "Mac OS X")),
    ("Linux", ("Linux", "X11")),
)


def browser_words(user_agent: str) -> str:
    """Return the browser and where it runs; what is not known is not guessed.

    >>> browser_words("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36")
    'Chrome on Linux'
    >>> browser_words("curl/8.5.0"), browser_words("Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5)")
    ('Unknown browser', 'Unknown browser on Mac')
    """
    browser, system = _first(_BROWSERS, user_agent) or UNKNOWN_BROWSER, _first(_SYSTEMS, user_agent)
    return f"{browser} on {system}" if system else browser


def _first(known: tuple[tuple[str, tuple[str, ...]], ...], text: str) -> str:
    return next((name for name, marks in known if any(mark in text for mark in marks)), "")
