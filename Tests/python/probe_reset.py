"""Turns MIG off on the first GPU of a machine, and prints as one JSON object what its handles are good for then.

As `probe_reset.py MIGSIM` it goes on: on and off again, and a reset by that program. As `--only-change` it does not.
"""

import ctypes
import json
import os
import subprocess
import sys

import pynvml as nvml

codes = {}


def note(what, name, *arguments):
    codes[what] = getattr(nvml.nvmlLib, name)(*arguments)


def name_of(what, device):
    note(what, "nvmlDeviceGetName", device, ctypes.create_string_buffer(96), 96)


def mode(device, enabled):
    # A number that is no code: whatever stands there afterwards was written by the call.
    status = ctypes.c_uint(77)
    note("change", "nvmlDeviceSetMigMode", device, enabled, ctypes.byref(status))
    codes["status"] = status.value


def handles(migsim):
    machine = os.path.dirname(os.environ["LD_LIBRARY_PATH"])
    old, other = (nvml.nvmlDeviceGetHandleByIndex(index) for index in range(2))
    mode(old, 0)
    out = ctypes.c_uint()
    name_of("old handle", old)
    note("mode by it", "nvmlDeviceGetMigMode", old, ctypes.byref(out), ctypes.byref(ctypes.c_uint()))
    note("change by it", "nvmlDeviceSetMigMode", old, 1, ctypes.byref(out))
    new = nvml.nvmlDeviceGetHandleByIndex(0)
    codes["minor"] = nvml.nvmlDeviceGetMinorNumber(new)
    nvml.nvmlDeviceSetMigMode(new, 1)
    note("profile by it", "nvmlDeviceGetGpuInstanceProfileInfo", old, 0, (ctypes.c_ubyte * 48)())
    new = nvml.nvmlDeviceGetHandleByIndex(0)
    name_of("new handle", new)
    name_of("other GPU", other)
    instance = nvml.nvmlDeviceCreateGpuInstance(new, 9)
    subprocess.run([migsim, "reset", machine, "--gpu", "0"], check=True)
    name_of("old handle then", new)
    note("instance then", "nvmlGpuInstanceDestroy", instance)
    name_of("other GPU then", other)


nvml.nvmlInit()
if sys.argv[1] == "--only-change":
    mode(nvml.nvmlDeviceGetHandleByIndex(0), 0)
else:
    handles(sys.argv[1])
nvml.nvmlShutdown()
print(json.dumps(codes))
