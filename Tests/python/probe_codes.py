"""Calls the driver's library wrongly, and prints the return code of every such call as one JSON object.

As `probe_codes.py rights` it makes the right calls, and the caller's rank decides what they return.
"""

import ctypes
import json
import sys

import pynvml as nvml

codes = {}


def raw(name, *arguments):
    return getattr(nvml.nvmlLib, name)(*arguments)


def note(what, name, *arguments):
    codes[what] = raw(name, *arguments)


def word(value=0):
    return ctypes.c_uint(value)


def rights(device):
    """What every caller may ask, and what only some may."""
    out, handle = word(), ctypes.c_void_p()
    note("name", "nvmlDeviceGetName", device, ctypes.create_string_buffer(96), 96)
    note("mode", "nvmlDeviceGetMigMode", device, ctypes.byref(out), ctypes.byref(word()))
    note("profile", "nvmlDeviceGetGpuInstanceProfileInfo", device, 0, (ctypes.c_ubyte * 48)())
    note("placements", "nvmlDeviceGetGpuInstancePossiblePlacements_v2", device, 19, None, ctypes.byref(out))
    note("capacity", "nvmlDeviceGetGpuInstanceRemainingCapacity", device, 19, ctypes.byref(out))
    note("instances", "nvmlDeviceGetGpuInstances", device, 19, (ctypes.c_void_p * 7)(), ctypes.byref(out))
    note("instance", "nvmlDeviceGetGpuInstanceById", device, 9, ctypes.byref(handle))
    note("create", "nvmlDeviceCreateGpuInstance", device, 9, ctypes.byref(handle))
    note("setMode", "nvmlDeviceSetMigMode", device, 1, ctypes.byref(out))
    note("persistence", "nvmlDeviceSetPersistenceMode", device, 1)
    note("computeMode", "nvmlDeviceSetComputeMode", device, 0)
    note("memory", "nvmlDeviceGetMemoryInfo", device, (ctypes.c_ubyte * 24)())
    note("processes", "nvmlDeviceGetComputeRunningProcesses_v3", device, ctypes.byref(word()), None)
    note("migDevice", "nvmlDeviceGetMigDeviceHandleByIndex", device, 6, ctypes.byref(handle))


def mistakes(device):
    out, handle, buffer = word(), ctypes.c_void_p(), (ctypes.c_ubyte * 152)()
    version = ctypes.c_uint.from_buffer(buffer, 0)
    bad = ctypes.c_void_p(0x1234567)
    instance, compute = ctypes.c_void_p(), ctypes.c_void_p()
    assert raw("nvmlDeviceCreateGpuInstance", device, 9, ctypes.byref(instance)) == 0
    pci = nvml.nvmlDeviceGetPciInfo(device)
    note("the driver model", "nvmlDeviceGetDriverModel", device, ctypes.byref(out), ctypes.byref(word()))
    note("the driver model by its new name", "nvmlDeviceGetDriverModel_v2", device, ctypes.byref(out),
         ctypes.byref(word()))
    note("to remove nothing", "nvmlDeviceRemoveGpu", None)
    note("to remove a GPU", "nvmlDeviceRemoveGpu", ctypes.byref(pci))
    note("to remove a GPU by the new name", "nvmlDeviceRemoveGpu_v2", ctypes.byref(pci), 0, 0)
    note("no handle", "nvmlDeviceGetName", None, buffer, 96)
    note("a bad handle", "nvmlDeviceGetName", bad, buffer, 96)
    note("a handle of another kind", "nvmlDeviceGetName", instance, buffer, 96)
    note("a GPU for an instance", "nvmlGpuInstanceDestroy", device)
    note("no buffer", "nvmlDeviceGetName", device, None, 96)
    note("a short buffer", "nvmlDeviceGetName", device, buffer, 5)
    note("no index", "nvmlDeviceGetHandleByIndex_v2", 99, ctypes.byref(handle))
    note("no place for a handle", "nvmlDeviceGetHandleByIndex_v2", 0, None)
    note("a UUID without form", "nvmlDeviceGetHandleByUUID", b"GPU-1", ctypes.byref(handle))
    note("an unknown UUID", "nvmlDeviceGetHandleByUUID", b"GPU-" + b"00000000-0000-0000-0000-000000000000",
         ctypes.byref(handle))
    note("an unknown MIG UUID", "nvmlDeviceGetHandleByUUID", b"MIG-" + b"00000000-0000-0000-0000-000000000000",
         ctypes.byref(handle))
    note("an unknown bus id", "nvmlDeviceGetHandleByPciBusId_v2", b"00000000:FF:00.0", ctypes.byref(handle))
    note("a bus id without form", "nvmlDeviceGetHandleByPciBusId_v2", b"slot 7", ctypes.byref(handle))
    note("a profile past the last", "nvmlDeviceGetGpuInstanceProfileInfo", device, 0x12, buffer)
    note("a profile of another GPU", "nvmlDeviceGetGpuInstanceProfileInfo", device, 8, buffer)
    for name, value in (("no", 0), ("the first", 0x01000030), ("a wrong", 0x02000099), ("a fourth", 0x04000098)):
        version.value = value
        note(name + " version word", "nvmlDeviceGetGpuInstanceProfileInfoV", device, 0, buffer)
    note("a mode that is none", "nvmlDeviceSetMigMode", device, 2, ctypes.byref(out))
    note("no place for a status", "nvmlDeviceSetMigMode", device, 1, None)
    note("an unknown profile id", "nvmlDeviceCreateGpuInstance", device, 77, ctypes.byref(handle))
    note("room for an unknown profile", "nvmlDeviceGetGpuInstanceRemainingCapacity", device, 77, ctypes.byref(out))
    note("no placement", "nvmlDeviceCreateGpuInstanceWithPlacement", device, 19, None, ctypes.byref(handle))
    for name, start, size in (("illegal", 7, 1), ("taken", 4, 1), ("huge", 0xFFFFFFFF, 0xFFFFFFFF)):
        place = (ctypes.c_uint * 2)(start, size)
        note("a placement that is " + name, "nvmlDeviceCreateGpuInstanceWithPlacement", device, 19, place,
             ctypes.byref(handle))
    note("no instance of that id", "nvmlDeviceGetGpuInstanceById", device, 14, ctypes.byref(handle))
    note("an unknown compute profile", "nvmlGpuInstanceCreateComputeInstance", instance, 4, ctypes.byref(handle))
    for name, start in (("illegal", 3), ("the last", 2), ("taken", 2)):
        place = (ctypes.c_uint * 2)(start, 1)
        note("a compute placement that is " + name, "nvmlGpuInstanceCreateComputeInstanceWithPlacement", instance, 0,
             place, ctypes.byref(compute if name == "the last" else handle))
    assert raw("nvmlComputeInstanceDestroy", compute) == 0
    note("no compute placement", "nvmlGpuInstanceCreateComputeInstanceWithPlacement", instance, 0, None,
         ctypes.byref(handle))
    note("activity", "nvmlGpmMigSampleGet", device, 1, None)
    note("a compute profile past the last", "nvmlGpuInstanceGetComputeInstanceProfileInfo", instance, 9, 0, buffer)
    note("an unknown engine profile", "nvmlGpuInstanceGetComputeInstanceProfileInfo", instance, 0, 1, buffer)
    note("a compute profile that does not fit", "nvmlGpuInstanceGetComputeInstanceProfileInfo", instance, 4, 0, buffer)
    note("a MIG device that is none", "nvmlDeviceGetMigDeviceHandleByIndex", device, 0, ctypes.byref(handle))
    note("a MIG device past the most", "nvmlDeviceGetMigDeviceHandleByIndex", device, 7, ctypes.byref(handle))
    assert raw("nvmlGpuInstanceCreateComputeInstance", instance, 2, ctypes.byref(compute)) == 0
    note("a second compute instance", "nvmlGpuInstanceCreateComputeInstance", instance, 0, ctypes.byref(handle))
    note("an instance with a compute instance", "nvmlGpuInstanceDestroy", instance)
    mig = ctypes.c_void_p()
    assert raw("nvmlDeviceGetMigDeviceHandleByIndex", device, 0, ctypes.byref(mig)) == 0
    note("the minor of a MIG device", "nvmlDeviceGetMinorNumber", mig, ctypes.byref(out))
    note("instances of a MIG device", "nvmlDeviceGetGpuInstances", mig, 19, (ctypes.c_void_p * 7)(), ctypes.byref(out))
    note("mode off with instances", "nvmlDeviceSetMigMode", device, 0, ctypes.byref(out))
    codes["its status"] = out.value
    assert raw("nvmlComputeInstanceDestroy", compute) == 0
    note("a MIG device that is gone", "nvmlDeviceGetName", mig, buffer, 96)
    note("a compute instance that is gone", "nvmlComputeInstanceDestroy", compute)
    assert raw("nvmlGpuInstanceDestroy", instance) == 0
    note("an instance that is gone", "nvmlGpuInstanceDestroy", instance)
    note("an instance whose place is taken again", "nvmlDeviceCreateGpuInstance", device, 9, ctypes.byref(handle))
    note("the old handle then", "nvmlGpuInstanceDestroy", instance)
    events = ctypes.c_void_p()
    assert raw("nvmlEventSetCreate", ctypes.byref(events)) == 0
    note("events of an unknown kind", "nvmlDeviceRegisterEvents", device, ctypes.c_ulonglong(1 << 40), events)
    assert raw("nvmlDeviceRegisterEvents", device, ctypes.c_ulonglong(0x108), events) == 0
    note("nothing happened", "nvmlEventSetWait_v2", events, (ctypes.c_ubyte * 32)(), 5)
    assert raw("nvmlGpuInstanceDestroy", handle) == 0
    note("something happened", "nvmlEventSetWait_v2", events, (ctypes.c_ubyte * 32)(), 5)
    assert raw("nvmlEventSetFree", events) == 0
    note("an event set that is gone", "nvmlEventSetWait_v2", events, (ctypes.c_ubyte * 32)(), 5)
    nvml.nvmlShutdown()
    nvml.nvmlInit()
    note("a handle of an ended session", "nvmlDeviceGetName", device, buffer, 96)


nvml.nvmlInit()
first = nvml.nvmlDeviceGetHandleByIndex(0)
(rights if sys.argv[1:] == ["rights"] else mistakes)(first)
nvml.nvmlShutdown()
codes["one end too many"] = raw("nvmlShutdown")
print(json.dumps(codes))
