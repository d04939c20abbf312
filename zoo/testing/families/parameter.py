"""What is drawn of free parameters: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer
from speczoo.testing.cases import NUMBERS, POSITIVE, Drawn, family, shape_of, some


@family("Parameter")
def parameter(draw: DrawFn, layer: type[Layer]) -> Drawn:
    init = st.one_of(
        NUMBERS,
        st.fixed_dictionaries({"normal": st.fixed_dictionaries({"std": POSITIVE})}),
        st.fixed_dictionaries({"uniform": st.fixed_dictionaries({"a": st.just(-1), "b": POSITIVE})}),
        st.just({"trunc_normal": {"std": 0.02}}),
        st.just({"normal": {"sigma": 0.02}}),
    )
    return {"shape": draw(shape_of(3)), **some(draw, init=init, leading=st.booleans())}, ()
