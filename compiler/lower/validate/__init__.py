"""Translation validation: a program, interpreted symbolically, gives back its graph, or is not used.

Lowering is clever, and is not trusted. Each class is interpreted at the constructor arguments of each of its instances:
what it makes, under which names and with which arguments; what its forward calls, on which values, in which order; how
parameters start and which do not train. All of it is held to the list of entries that the instance stands for. Nothing
here reads how the program came about, and nothing of it is executed. After Pnueli, Siegel and Singerman, "Translation
Validation", TACAS 1998.
"""

from speczoo.compiler.lower.validate.instances import validate
from speczoo.compiler.lower.validate.mistranslation import Mistranslation

__all__ = ["Mistranslation", "validate"]
