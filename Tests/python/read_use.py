"""Asks the unmodified nvidia-ml-py what the GPUs of a machine and their MIG devices are used for.

The loader finds the library: LD_LIBRARY_PATH names the machine's lib directory. Prints one JSON object.
"""

import ctypes
import json

import pynvml as nvml

ROOM = 8


def entries(device, kind, spelling, fields):
    """The processes that one spelling of the call lists, as rows of the fields that its entries have."""
    layout = type("Entry", (ctypes.Structure,), {"_fields_": fields})
    count, found = ctypes.c_uint(ROOM), (layout * ROOM)()
    call = getattr(nvml.nvmlLib, "nvmlDeviceGet{}RunningProcesses{}".format(kind, spelling))
    if call(device, ctypes.byref(count), found) != 0:
        return None
    return sorted([getattr(entry, name) for name, _ in fields] for entry in found[:count.value])


def lists(device, kind):
    first = [("pid", ctypes.c_uint), ("memory", ctypes.c_ulonglong)]
    later = first + [("gi", ctypes.c_uint), ("ci", ctypes.c_uint)]
    return {spelling: entries(device, kind, spelling, later if spelling else first) for spelling in ("", "_v2", "_v3")}


def details(device):
    """The versioned list, which has one field more."""
    array = (nvml.c_nvmlProcessDetail_v1_t * ROOM)()
    rows = nvml.c_nvmlProcessDetailList_v1_t(
        version=nvml.nvmlProcessDetailList_v1, mode=0, numProcArrayEntries=ROOM,
        procArray=ctypes.cast(array, ctypes.POINTER(nvml.c_nvmlProcessDetail_v1_t)))
    if nvml.nvmlLib.nvmlDeviceGetRunningProcessDetailList(device, ctypes.byref(rows)) != 0:
        return None
    return sorted([row.pid, row.usedGpuMemory, row.gpuInstanceId, row.computeInstanceId]
                  for row in array[:rows.numProcArrayEntries])


def use(device):
    memory, window = nvml.nvmlDeviceGetMemoryInfo(device), nvml.nvmlDeviceGetBAR1MemoryInfo(device)
    count = ctypes.c_uint(0)
    code = nvml.nvmlLib.nvmlDeviceGetComputeRunningProcesses_v3(device, ctypes.byref(count), None)
    return {
        "memory": [memory.total, memory.used, memory.free], "window": [window.bar1Total, window.bar1Used],
        "compute": lists(device, "Compute"), "graphics": lists(device, "Graphics"), "details": details(device),
        "counted": [code, count.value],
        "names": [nvml.nvmlSystemGetProcessName(row.pid) for row in nvml.nvmlDeviceGetComputeRunningProcesses(device)],
    }


def gpu(index):
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    devices = []
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(device)):
        try:
            devices.append(use(nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, number)))
        except nvml.NVMLError_NotFound:
            continue
    return dict(use(device), devices=devices)


def main():
    nvml.nvmlInit()
    print(json.dumps({"gpus": [gpu(index) for index in range(nvml.nvmlDeviceGetCount())]}))


main()
