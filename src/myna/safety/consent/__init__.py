"""Consent: what may be done with an author's posts, for each use by itself.

``signals`` reads what networks record, ``decision`` weighs it against what the author says to Myna
(both pure), ``ledger`` keeps it in the store, ``claims`` finds out whose account is whose, and
``training`` gives out what a model may be trained on. What is decided stands in the author's row,
and every read of posts looks there.
"""
