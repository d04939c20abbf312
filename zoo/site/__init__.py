"""The zoo as a site of static pages: a catalogue, a page for each network, and the project's documentation.

`network` makes the files of one network, `work` those of many in several processes; `index` lists them, `results` says
what recipes reach with them, `look` is what pages share. `documents` makes pages of the repository's Markdown, by
MkDocs. No page asks another server for anything. Torch is imported nowhere.
"""
