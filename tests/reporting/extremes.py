"""Statements at the edges of paper: many holdings, long and foreign names, debts, huge and tiny figures. Used to look at, and by the tests."""

from __future__ import annotations

from dataclasses import replace

from reporting.core.statement_inputs import Custodian, StatementInputs
from reporting.enums import TransactionKind
from tests.reporting.samples import Book, account, with_days

LONG = "Internationale Beteiligungs- und Vermögensverwaltungsgesellschaft der Vereinigten Familienstiftungen Aktiengesellschaft"
UNBROKEN = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
NON_LATIN = (
    ("株式会社山田太郎投資顧問", "东京都千代田区丸の内一丁目", "日本"),
    ("Παπαδόπουλος Ιωάννης", "Λεωφόρος Κηφισίας 24", "Ελλάδα"),
    ("Александр Пушкин", "Невский проспект 1", "Россия"),
    ("محمد بن عبد الله", "شارع الملك فهد", "السعودية"),
    ("दीपक कुमार शर्मा", "महात्मा गांधी मार्ग", "भारत"),
    ("김철수", "서울특별시 종로구", "대한민국"),
    ("כהן יעקב", "רחוב הרצל 5", "ישראל"),
    ("สมชาย ใจดี", "ถนนสุขุมวิท", "ประเทศไทย"),
)


def many_positions(count: int = 200) -> StatementInputs:
    """`count` holdings, every third with a long name, a quarter of them traded."""
    book = Book()
    book.fund("USD", "1250000")
    for n in range(count):
        name = LONG if n % 3 == 0 else f"Company number {n} Incorporated"
        book.hold(f"SYM{n:03d}", name, "USD", 100 + n, f"{20 + n}.25", f"{1900 + 97 * n}.50")
    book.open()
    for n in range(0, count, 4):
        book.trade(f"SYM{n:03d}", -10 if n % 8 else 10, f"{20 + n}.10", on=1 + n % 30)
    return with_days(book.close({f"SYM{n:03d}": f"{21 + n}.75" for n in range(count)}))


def in_debt() -> StatementInputs:
    """More owed than owned: a margin debt of 60,000 against holdings of 40,000, and shorts."""
    book = Book()
    book.fund("USD", "-60000")
    book.hold("XYZ", "XYZ Corporation", "USD", 1000, "70", "65000")
    book.hold("ABC", "ABC Industries", "USD", -100, "50", "-4800")
    book.open()
    book.book(TransactionKind.INTEREST, "margin loan", "-412.50", on=30)
    return book.close({"XYZ": "40", "ABC": "61"})


def trillions(currency: str = "USD") -> StatementInputs:
    """Amounts of 10¹² and quantities of 10⁹ beside a hundred-millionth, in a foreign currency too."""
    other = "JPY" if currency != "JPY" else "USD"
    book = Book(currency, {other: ("0.00651234", "0.00668123")})
    book.fund(currency, "4567890123456.78" if currency != "JPY" else "4567890123456")
    book.fund(other, "-9876543210987")
    book.hold("BERK.A", "Berkshire Hathaway Inc., Class A", currency, 12_345_678, "612345.67", "5123456789012.34")
    book.hold("SHIB", "Shiba Inu", currency, "987654321.12345678", "0.00001234", "10000.00")
    book.hold("BTC", "Bitcoin", currency, "0.00000001", "63120.5", "0.01")
    book.hold("7203", "Toyota Motor Corporation", other, 1_234_567_890, "2481", "19876543210.55")
    book.open()
    book.trade("BERK.A", -1_234_567, "634567.89", on=6, commission="12345678.90")
    book.trade("7203", 123_456_789, "2466", on=7, commission="250000000")
    book.book(TransactionKind.DEPOSIT, "central bank", "1234567890123.45" if currency != "JPY" else "1234567890123", on=12)
    moves = {"BERK.A": "654321.98", "SHIB": "0.00001111", "BTC": "61234.56", "7203": "2502"}
    return with_days(book.close(moves))


def foreign_names(which: int = 0) -> StatementInputs:
    """An investor, an address and a holding written in another script."""
    name, street, country = NON_LATIN[which]
    book = Book()
    book.fund("USD", "1000")
    book.hold("LOCAL", name, "USD", 10, "50", "400")
    book.open()
    book.book(TransactionKind.DEPOSIT, street, "5", on=3)
    mine = account(holder=name, name=name, address=(street, country), manager=name, mandate=street)
    made = book.close({"LOCAL": "51"}, account=mine)
    return replace(made, custodian=Custodian(name, "U••••4417", (street,)))


def unbroken_words() -> StatementInputs:
    """Names without a single place to break a line."""
    book = Book()
    book.fund("USD", "1000")
    book.hold(UNBROKEN[:40], UNBROKEN, "USD", 10, "50", "400")
    book.open()
    book.trade(UNBROKEN[:40], -5, "50", on=5)
    book.book(TransactionKind.DEPOSIT, UNBROKEN, "5", on=3)
    mine = account(holder=UNBROKEN, name=UNBROKEN, address=(UNBROKEN,), manager=UNBROKEN, mandate=UNBROKEN, number="N" * 60)
    made = book.close({UNBROKEN[:40]: "51"}, account=mine)
    return replace(made, custodian=Custodian(UNBROKEN, "1" * 60, (UNBROKEN,)))
