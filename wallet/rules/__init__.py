"""The rules, as pure functions: terms, dates, income, yields, order of use, chart of accounts, accounting manual.

Nothing here can reach a database, the terminal or the clock; a contract checks it.
"""
