"""What is drawn of matrix products: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Arguments, Drawn, family, shape_of, size


@family("matmul")
def matmul(draw: DrawFn, layer: type[Layer]) -> Drawn:
    lead = draw(shape_of(2))
    n, m, p = (draw(size(1, 4)) for _ in range(3))
    inner = draw(st.sampled_from([m, m, m, m + 1]))
    batched = draw(st.booleans())
    kind = draw(st.sampled_from(["same", "same", "squeezed", "fewer", "other"]))
    others = {
        "same": lead,
        "squeezed": [draw(st.sampled_from([1, k])) for k in lead],
        "fewer": lead[len(lead) // 2 :],
        "other": [k + 1 for k in lead],
    }
    other = Value((*others[kind], inner, p), batched=batched)
    return ({"broadcast": True} if draw(st.booleans()) else {}), (Value((*lead, n, m)), other)


@family("einsum")
def einsum(draw: DrawFn, layer: type[Layer]) -> Drawn:
    """Of letters with their sizes: those of each input in any order, and what comes out of them."""
    sizes = {letter: draw(size(1, 4)) for letter in "ijklm"}
    dots = draw(st.booleans())
    rest = tuple(draw(size(1, 3)) for _ in range(draw(st.integers(0, 2)))) if dots else ()
    batch = "..." if dots else "b"
    letters = st.lists(st.sampled_from("ijklm"), max_size=3, unique=True)
    terms: list[str] = []
    inputs: list[Value] = []
    for position in draw(st.permutations(range(2))):
        own, batched = draw(letters), position == 0 or draw(st.booleans())
        own = own or ([] if batched else ["i"])
        whole = batched or (dots and draw(st.booleans()))
        terms.append(f"{batch if whole else ''}{''.join(own)}")
        larger = draw(st.sampled_from([0, 0, 0, 0, 1]))
        inputs.append(Value((*(rest if whole else ()), *(sizes[letter] + larger for letter in own)), batched=batched))
    known = sorted({letter for term in terms for letter in term} - {*batch})
    out = [letter for letter in draw(st.permutations(known)) if draw(st.booleans())]
    comma = draw(st.sampled_from([",", ", "]))
    equation = f"{comma.join(terms)}->{batch}{''.join(out)}"
    arguments: Arguments = {"equation": equation}
    return arguments, tuple(inputs)
