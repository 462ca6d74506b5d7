"""Transfer agent, fund and bank played from our exported files, for rehearsals and for tests.

It is a second opinion: register, income and bank account are kept here in plain numbers, and nothing of the books is
imported, only the format of the files, the calendar and the root of the errors. `play.simulate` plays one day.
"""
