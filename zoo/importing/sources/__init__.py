"""Files of other libraries as specs, read as data: nothing that they name is imported, and torch is not needed.

`formats` knows the files and calls the reader of their format; what all readers share: `given` asks a stranger's data
for values of a kind, `entries` is a list of a spec under construction, `layout` writes a spec as a person lays it out.
"""
