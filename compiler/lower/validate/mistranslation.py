"""What differs between a program and its graph."""

from __future__ import annotations


class Mistranslation(Exception):
    """The code is another network than the spec: a bug of ours. Says where, and what both sides have there."""

    def __init__(self, where: str, spec: object, code: object) -> None:
        super().__init__(f"the code is not the network, at {where or 'the top'}: the spec has {spec}, the code {code}")
        self.where, self.spec, self.code = where, str(spec), str(code)
