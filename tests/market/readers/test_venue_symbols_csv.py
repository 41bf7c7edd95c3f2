"""Venue symbols from the documented CSV."""

from pathlib import Path

import pytest

from market.core.venue_symbols import VenueSymbolSpec
from market.readers.columns import UnableToReadMarketFile
from market.readers.venue_symbols_csv import read_venue_symbols

HEADER = "venue,symbol,instrument\n"
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "market-csv.md"


def read(tmp_path, text):
    path = tmp_path / "file.csv"
    path.write_text(text)
    return read_venue_symbols(path)


def test_rows_are_read_in_their_sequence(tmp_path):
    assert read(tmp_path, HEADER + 'NORTH,BRK B,BRK.B\n"SOUTH","/ES:XCME",ESZ6\n') == [
        VenueSymbolSpec("NORTH", "BRK B", "BRK.B"),
        VenueSymbolSpec("SOUTH", "/ES:XCME", "ESZ6"),
    ]


def test_the_guides_example_is_the_format(tmp_path):
    blocks = GUIDE.read_text().split("```")
    text = next(block for block in blocks if block.strip().startswith("venue,symbol")).lstrip()
    assert [spec.instrument for spec in read(tmp_path, text)] == ["XYZ", "BRK.B"]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (",XYZ.N,XYZ", "venue"),
        ("N" * 41 + ",XYZ.N,XYZ", "venue"),
        ("NORTH,,XYZ", "symbol"),
        ("NORTH, XYZ.N,XYZ", "symbol"),
        ("NORTH,XYZ.N ,XYZ", "symbol"),
        ("NORTH,X\tYZ,XYZ", "symbol"),
        ("NORTH,XÝZ,XYZ", "symbol"),
        ("NORTH," + "X" * 65 + ",XYZ", "symbol"),
    ],
)
def test_a_cell_no_file_or_message_could_carry_is_named_by_line_and_field(tmp_path, row, field):
    with pytest.raises(UnableToReadMarketFile) as caught:
        read(tmp_path, HEADER + "NORTH,ABC.N,ABC\n" + row + "\n")
    (complaint,) = caught.value.complaints
    assert (complaint.line, complaint.field) == (3, field) and "printable ASCII" in complaint.rule


@pytest.mark.parametrize(
    "text", ["", "venue,symbol\nNORTH,XYZ.N\n", "symbol,venue,instrument\nXYZ.N,NORTH,XYZ\n", HEADER + "NORTH,XYZ.N\n"]
)
def test_another_shape_is_refused(tmp_path, text):
    with pytest.raises(UnableToReadMarketFile):
        read(tmp_path, text)
