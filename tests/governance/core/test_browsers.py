"""User agents in words: the families people use, and nothing guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.browsers import UNKNOWN_BROWSER, browser_words

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (f"{MAC}605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", "Safari on Mac"),
        (WINDOWS, "Chrome on Windows"),
        (f"{WINDOWS} Edg/139.0.0.0", "Edge on Windows"),
        (f"{WINDOWS} OPR/120.0.0.0", "Opera on Windows"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0", "Firefox on Linux"),
        (f"{IPHONE}Version/18.5 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        (f"{IPHONE}CriOS/139.0.7258.76 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        (f"{IPHONE}FxiOS/141.0 Mobile/15E148 Safari/605.1.15", "Firefox on iPhone"),
        (
            "Mozilla/5.0 (Linux; Android 15; SM-S938B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
            "Chrome on ChromeOS",
        ),
        ("python-requests/2.32", UNKNOWN_BROWSER),
        ("", UNKNOWN_BROWSER),
    ],
)
def test_a_browser_is_called_what_people_call_it(user_agent: str, words: str) -> None:
    assert browser_words(user_agent) == words


@given(st.text(max_size=300))
def test_whatever_a_browser_sends_there_are_words_of_ours(user_agent: str) -> None:
    words = browser_words(user_agent)
    assert 0 < len(words) < 40 and words.replace(" ", "").isalpha()
