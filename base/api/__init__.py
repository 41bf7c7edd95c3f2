"""What every address of the HTTP API shares: strict JSON in, exact JSON and problem+json out, keyset pages, one firm a request.

Entry points: `views.FirmView`, `views.ListView`, `views.DetailView` for doors; `parameters` for what a query string may say; `shapes` and
`schema` for how addresses describe themselves; `formats`, `problems`, `pages` for bodies.

Invariants
1. A request works for one firm, that of its token; every read and write happens inside that firm's tenancy block and is finished there.
2. Role first, then what the person may see; what they may not see is answered exactly as what does not exist.
3. A query parameter, field or number that is not understood is refused by name, never ignored or guessed.
4. A page has at most 500 rows, and no row is repeated or skipped while new ones arrive.

Nothing is imported here: settings name these modules, and REST framework reads settings while it is itself being imported.
"""
