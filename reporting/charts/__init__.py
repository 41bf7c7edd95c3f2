"""Charts as Vega-Lite definitions: pure functions from figures to a specification, the same on the page and in the PDF."""
