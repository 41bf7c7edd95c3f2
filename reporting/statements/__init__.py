"""Statements on paper: figures as text, the page, the PDF. Entry point: `reporting.statements.render.render_pdf`."""
