"""Specs in an editor: a language server, whose core knows no protocol.

`tree` reads a text however wrong it is, `analysis` checks it, `desk` keeps open texts and what was found of them. What
an editor asks is answered by functions of these: `hints`, `hover`, `completion`, `signature`, `names`, `rename`,
`fixes`, `symbols`, `lenses`, `preview`. `server` says it all in the Language Server Protocol.
"""
