"""Does one thing after another with the first GPU of a machine, and prints what each came to, as one JSON array.

probe_mode.py MIGSIM STEP...

get            MIG mode, current and pending        set:N          set it, with the status that comes back
create:ID      make a GPU instance of a profile     count          how many GPU instances there are
persist[:N]    persistence mode                     compute[:N]    compute mode
maximum        the most MIG devices                 minor          the GPU's minor number
device:N       find a MIG device by its index
handle         find the GPU anew                    again          end the session and begin another
guest, leave   let another process begin a session, and end it
VERB           what migsim does by that name
"""

import ctypes
import json
import os
import subprocess
import sys

import pynvml as nvml

machine = os.path.dirname(os.environ["LD_LIBRARY_PATH"])
migsim = sys.argv[1]
device = None
guest = None


def raw(name, *arguments):
    return getattr(nvml.nvmlLib, name)(*arguments)


def asked(name, *kinds):
    """The code of a getter, and where that is none what it stored; what it leaves alone shows as 77."""
    cells = [ctypes.c_uint(77) for _ in kinds]
    code = raw(name, device, *(ctypes.byref(cell) for cell in cells))
    return [code] + [cell.value for cell in cells]


def begin():
    global device
    nvml.nvmlInit()
    device = nvml.nvmlDeviceGetHandleByIndex(0)
    return 0


def change(mode):
    status = ctypes.c_uint(77)
    return [raw("nvmlDeviceSetMigMode", device, mode, ctypes.byref(status)), status.value]


def count():
    found = 0
    for profile in (19, 20, 15, 14, 9, 5, 0):
        number = ctypes.c_uint()
        code = raw("nvmlDeviceGetGpuInstances", device, profile, (ctypes.c_void_p * 8)(), ctypes.byref(number))
        if code:
            return code
        found += number.value
    return [0, found]


def let_in():
    global guest
    script = "import sys, pynvml; pynvml.nvmlInit(); print(flush=True); sys.stdin.read()"
    guest = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    guest.stdout.readline()
    return 0


def step(word):
    global device
    name, _, number = word.partition(":")
    value = int(number) if number else None
    if name == "get":
        return asked("nvmlDeviceGetMigMode", "current", "pending")
    if name == "set":
        return change(value)
    if name == "create":
        return raw("nvmlDeviceCreateGpuInstance", device, value, ctypes.byref(ctypes.c_void_p()))
    if name == "count":
        return count()
    if name == "persist" and value is not None:
        return raw("nvmlDeviceSetPersistenceMode", device, value)
    if name == "persist":
        return asked("nvmlDeviceGetPersistenceMode", "mode")
    if name == "compute" and value is not None:
        return raw("nvmlDeviceSetComputeMode", device, value)
    if name == "compute":
        return asked("nvmlDeviceGetComputeMode", "mode")
    if name == "maximum":
        return asked("nvmlDeviceGetMaxMigDeviceCount", "count")
    if name == "minor":
        return asked("nvmlDeviceGetMinorNumber", "minor")
    if name == "device":
        return raw("nvmlDeviceGetMigDeviceHandleByIndex", device, value, ctypes.byref(ctypes.c_void_p()))
    if name == "handle":
        device = nvml.nvmlDeviceGetHandleByIndex(0)
        return 0
    if name == "again":
        nvml.nvmlShutdown()
        return begin()
    if name == "guest":
        return let_in()
    if name == "leave":
        guest.stdin.close()
        return guest.wait()
    return subprocess.run([migsim, name, machine], stderr=subprocess.DEVNULL).returncode


begin()
print(json.dumps([step(word) for word in sys.argv[2:]]))
