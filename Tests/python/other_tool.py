"""Changes a machine behind the broker's back, as another tool would, through the unmodified nvidia-ml-py.

The loader finds the library: LD_LIBRARY_PATH names the machine's lib directory. Each argument is one step:
gi+:GPU:PROFILE:START:SIZE and gi-:GPU:GI make and destroy a GPU instance, ci+:GPU:GI:PROFILE[:START:SIZE] and
ci-:GPU:GI:CI a compute instance, and mode:GPU:0 or mode:GPU:1 asks for a MIG mode. Prints the numbers of what was made.
"""

import ctypes
import sys

import pynvml as nvml


def instance(gpu, gi):
    return nvml.nvmlDeviceGetGpuInstanceById(gpu, gi)


def step(word, gpu, *numbers):
    if word == "mode":
        nvml.nvmlDeviceSetMigMode(gpu, numbers[0])
    elif word == "gi+":
        place = nvml.c_nvmlGpuInstancePlacement_t(*numbers[1:])
        made = nvml.nvmlDeviceCreateGpuInstanceWithPlacement(gpu, numbers[0], ctypes.byref(place))
        print(nvml.nvmlGpuInstanceGetInfo(made).id)
    elif word == "gi-":
        nvml.nvmlGpuInstanceDestroy(instance(gpu, numbers[0]))
    elif word == "ci+":
        made = nvml.c_nvmlComputeInstance_t()
        words = [instance(gpu, numbers[0]), numbers[1]]
        name = "nvmlGpuInstanceCreateComputeInstance"
        if len(numbers) > 2:
            name += "WithPlacement"
            words.append(ctypes.byref((ctypes.c_uint * 2)(*numbers[2:])))
        code = getattr(nvml.nvmlLib, name)(*words, ctypes.byref(made))
        if code:
            sys.exit(nvml.nvmlErrorString(code))
        print(nvml.nvmlComputeInstanceGetInfo(made).id)
    elif word == "ci-":
        parent = instance(gpu, numbers[0])
        nvml.nvmlComputeInstanceDestroy(nvml.nvmlGpuInstanceGetComputeInstanceById(parent, numbers[1]))
    else:
        sys.exit("no step: " + word)


nvml.nvmlInit()
for argument in sys.argv[1:]:
    word, gpu, *numbers = argument.split(":")
    step(word, nvml.nvmlDeviceGetHandleByIndex(int(gpu)), *map(int, numbers))
