"""What is compiled before the first frame."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import importlib, pkgutil, types
from numba.core.dispatcher import Dispatcher
import estimators.geometric
from estimators.geometric.warm import warm_up, warm_up_by_picture
from estimators.rendering import CpuRenderer

def functions(module):
    for thing in vars(module).values():
        held = vars(thing).values() if isinstance(thing, type) and thing.__module__ == module.__name__ else [thing]
        yield from (one for one in held if isinstance(one, types.FunctionType) and one.__module__ == module.__name__)

def names(code):
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names(constant)

warm_up(CpuRenderer())
warm_up_by_picture(CpuRenderer())
for found in pkgutil.iter_modules(estimators.geometric.__path__, "estimators.geometric."):
    module = importlib.import_module(found.name)
    for function in functions(module):
        for name in names(function.__code__):
            kernel = getattr(module, name, None)
            if isinstance(kernel, Dispatcher) and len(kernel.signatures) != 1:
                print(f"{module.__name__}.{function.__name__} calls {name}: {len(kernel.signatures)} compiled")
"""


def test_every_kernel_that_python_calls_is_compiled_before_the_first_frame_and_for_one_kind_of_arrays() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""  # else a worker stands still for seconds in the middle of a stream
