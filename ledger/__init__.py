"""Double entry for anyone: units, accounts, entries, postings, balances and their proof; it knows no fund.

Import the modules, not the package: `ledger.model` is pure, everything else talks to a database.
"""
