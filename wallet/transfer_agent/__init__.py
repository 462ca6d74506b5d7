"""The open-ended fund data exchange format, version 2.1 (GB/T 39595-2020, JR/T 0017): its files, read and written.

It stands on its own: no database, no rule of the wallet. `layout` knows fields and codes, `datafile` reads and writes
data files in blocks of records, `indexfile` the indexes that make a batch complete. Whatever departs from the format
is refused as `errors.MalformedFile`, which says where; a file that this package writes, it reads back the same.

Numbers are int64 in units of the field's last decimal. Lengths are bytes of GB18030: a Chinese character takes two or
four. Memory is bounded by a block, whatever the length of a file.
"""
