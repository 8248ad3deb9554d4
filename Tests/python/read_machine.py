"""Asks the unmodified nvidia-ml-py for all it knows of a machine, and prints it as one JSON object.

The loader finds the library: LD_LIBRARY_PATH names the machine's lib directory. First the script makes what its
arguments say: GPU:PROFILE[:START] makes a GPU instance and the compute instance that takes the whole of it. With
"inside" among them it makes an instance of each profile in turn, looks inside, and destroys it.
"""

import ctypes
import json
import sys

import pynvml as nvml

GI_FIELDS = ("id", "isP2pSupported", "sliceCount", "instanceCount", "multiprocessorCount", "copyEngineCount",
             "decoderCount", "encoderCount", "jpegCount", "ofaCount", "memorySizeMB")
CI_FIELDS = ("id", "sliceCount", "instanceCount", "multiprocessorCount", "sharedCopyEngineCount",
             "sharedDecoderCount", "sharedEncoderCount", "sharedJpegCount", "sharedOfaCount")
ATTRIBUTES = CI_FIELDS[3:] + ("gpuInstanceSliceCount", "computeInstanceSliceCount", "memorySizeMB")


def code(call, *arguments):
    """The return code of a call."""
    try:
        call(*arguments)
    except nvml.NVMLError as error:
        return error.value
    return 0


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def fields(struct, *names):
    return {name: text(getattr(struct, name)) for name in names}


def raw(name, *arguments):
    """Calls an exported function past pynvml, for spellings that it does not use."""
    return getattr(nvml.nvmlLib, name)(*arguments)


def third_layout(device, kind):
    """The third layout of a profile, which pynvml does not know: read from its documented offsets."""
    buffer = (ctypes.c_ubyte * 152)()
    ctypes.c_uint.from_buffer(buffer, 0).value = 0x03000098
    if raw("nvmlDeviceGetGpuInstanceProfileInfoV", device, kind, buffer) != 0:
        return None
    words = [ctypes.c_uint.from_buffer(buffer, 4 * index).value for index in range(10)]
    names = ("version", "id", "sliceCount", "instanceCount", "multiprocessorCount", "copyEngineCount",
             "decoderCount", "encoderCount", "jpegCount", "ofaCount")
    return dict(zip(names, words), memorySizeMB=ctypes.c_ulonglong.from_buffer(buffer, 40).value,
                name=bytes(buffer[48:144]).split(b"\0")[0].decode(),
                capabilities=ctypes.c_uint.from_buffer(buffer, 144).value)


def possible_placements(device, profile):
    count = ctypes.c_uint()
    raw("nvmlDeviceGetGpuInstancePossiblePlacements_v2", device, profile, None, ctypes.byref(count))
    places = (nvml.c_nvmlGpuInstancePlacement_t * count.value)()
    raw("nvmlDeviceGetGpuInstancePossiblePlacements", device, profile, places, ctypes.byref(count))
    return [[place.start, place.size] for place in places]


def inside(device, profile):
    """The compute profiles of a GPU instance that nothing else lies in."""
    handle = nvml.nvmlDeviceCreateGpuInstance(device, profile)
    profiles = gpu_instance(device, handle)["computeProfiles"]
    nvml.nvmlGpuInstanceDestroy(handle)
    return profiles


def gpu_profiles(device):
    """All profiles of a GPU, and the kind at which the library says that there are no more."""
    profiles = []
    for kind in range(64):
        try:
            first = nvml.nvmlDeviceGetGpuInstanceProfileInfo(device, kind, version=1)
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_INVALID_ARGUMENT:
                return profiles, kind
            continue
        second = nvml.nvmlDeviceGetGpuInstanceProfileInfoV(device, kind)
        profiles.append({
            "kind": kind, "v1": fields(first, *GI_FIELDS), "v2": fields(second, *GI_FIELDS, "name"),
            "v3": third_layout(device, kind), "placements": possible_placements(device, first.id),
            "byId": fields(nvml.nvmlDeviceGetGpuInstanceProfileInfoById(device, first.id), *GI_FIELDS, "name"),
            "room": nvml.nvmlDeviceGetGpuInstanceRemainingCapacity(device, first.id),
            "inside": inside(device, first.id) if "inside" in sys.argv else None,
        })
    return profiles, None


def first_layout(handle):
    """The first layout of a compute instance's facts, which pynvml does not know: no placement in it."""
    buffer = (ctypes.c_ubyte * 32)(*[0xFF] * 32)
    raw("nvmlComputeInstanceGetInfo", handle, buffer)
    return [ctypes.c_uint.from_buffer(buffer, offset).value for offset in (16, 20, 24, 28)]


def compute_instance(gpu_instance, handle):
    info = nvml.nvmlComputeInstanceGetInfo_v2(handle)
    again = nvml.nvmlGpuInstanceGetComputeInstanceById(gpu_instance, info.id)
    return {"id": info.id, "profile": info.profileId, "start": info.placement.start, "size": info.placement.size,
            "uuid": text(nvml.nvmlDeviceGetUUID(info.device)), "first": first_layout(handle),
            "sameById": nvml.nvmlComputeInstanceGetInfo_v2(again).profileId == info.profileId}


def compute_placements(gpu_instance, profile):
    count = ctypes.c_uint()
    nvml.nvmlGpuInstanceGetComputeInstancePossiblePlacements(gpu_instance, profile, None, ctypes.byref(count))
    places = (nvml.c_nvmlComputeInstancePlacement_t * count.value)()
    nvml.nvmlGpuInstanceGetComputeInstancePossiblePlacements(gpu_instance, profile, places, ctypes.byref(count))
    return [[place.start, place.size] for place in places]


def gpu_instance(device, handle):
    info = nvml.nvmlGpuInstanceGetInfo(handle)
    again = nvml.nvmlDeviceGetGpuInstanceById(device, info.id)
    profiles, compute = [], []
    for kind in range(nvml.NVML_COMPUTE_INSTANCE_PROFILE_COUNT):
        try:
            first = nvml.nvmlGpuInstanceGetComputeInstanceProfileInfo(handle, kind, 0, version=1)
        except nvml.NVMLError_NotSupported:
            continue
        second = nvml.nvmlGpuInstanceGetComputeInstanceProfileInfoV(handle, kind, 0)
        room = nvml.nvmlGpuInstanceGetComputeInstanceRemainingCapacity(handle, first.id)
        profiles.append(
            {"kind": kind, "v1": fields(first, *CI_FIELDS), "v2": fields(second, *CI_FIELDS, "name"), "room": room,
             "placements": compute_placements(handle, first.id)})
        count = ctypes.c_uint()
        found = (nvml.c_nvmlComputeInstance_t * first.instanceCount)()
        raw("nvmlGpuInstanceGetComputeInstances", handle, first.id, found, ctypes.byref(count))
        compute += [compute_instance(handle, instance) for instance in found[:count.value]]
    return {"id": info.id, "profile": info.profileId, "start": info.placement.start, "size": info.placement.size,
            "sameById": nvml.nvmlGpuInstanceGetInfo(again).profileId == info.profileId,
            "computeProfiles": profiles, "compute": compute}


def gpu_instances(device, profiles):
    instances = []
    for profile in profiles:
        count = ctypes.c_uint()
        found = (nvml.c_nvmlGpuInstance_t * profile["v1"]["instanceCount"])()
        raw("nvmlDeviceGetGpuInstances", device, profile["v1"]["id"], found, ctypes.byref(count))
        instances += [gpu_instance(device, handle) for handle in found[:count.value]]
    return sorted(instances, key=lambda entry: entry["id"])


def mig_device(index, handle):
    parent = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)
    uuid = text(nvml.nvmlDeviceGetUUID(handle))
    gi, ci = nvml.nvmlDeviceGetGpuInstanceId(handle), nvml.nvmlDeviceGetComputeInstanceId(handle)
    old = "MIG-{}/{}/{}".format(text(nvml.nvmlDeviceGetUUID(parent)), gi, ci)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    return {
        "index": index, "ownIndex": nvml.nvmlDeviceGetIndex(handle), "uuid": uuid, "gi": gi, "ci": ci,
        "name": text(nvml.nvmlDeviceGetName(handle)), "isMig": nvml.nvmlDeviceIsMigDeviceHandle(handle),
        "parent": nvml.nvmlDeviceGetIndex(parent),
        "foundByUUID": text(nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByUUID(uuid))),
        "foundByOldName": text(nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByUUID(old))),
        "memory": fields(nvml.nvmlDeviceGetMemoryInfo(handle), "total", "free", "used"),
        "memoryV2": fields(memory, "total", "free", "used", "reserved"),
        "attributes": fields(nvml.nvmlDeviceGetAttributes_v2(handle), *ATTRIBUTES),
        "processes": len(nvml.nvmlDeviceGetComputeRunningProcesses(handle)),
        "minorNumber": code(nvml.nvmlDeviceGetMinorNumber, handle),
        "migMode": code(nvml.nvmlDeviceGetMigMode, handle),
    }


def mig_devices(device):
    devices = []
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(device)):
        try:
            handle = nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, index)
        except nvml.NVMLError_NotFound:
            continue
        devices.append(mig_device(index, handle))
    return devices


def old_spellings(device):
    """What the first spellings of some functions say; programs of old drivers still call them."""
    count, handle, pci = ctypes.c_uint(), ctypes.c_void_p(), (ctypes.c_ubyte * 52)()
    processes = ctypes.c_uint()
    return {
        "count": [raw("nvmlDeviceGetCount", ctypes.byref(count)), count.value],
        "handle": [raw("nvmlDeviceGetHandleByIndex", nvml.nvmlDeviceGetIndex(device), ctypes.byref(handle)),
                   handle.value == ctypes.cast(device, ctypes.c_void_p).value],
        "pci": [raw("nvmlDeviceGetPciInfo_v2", device, pci), bytes(pci[:16]).split(b"\0")[0].decode()],
        "processes": [raw("nvmlDeviceGetComputeRunningProcesses", device, ctypes.byref(processes), None),
                      raw("nvmlDeviceGetComputeRunningProcesses_v2", device, ctypes.byref(processes), None)],
    }


def gpu(index):
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    pci = nvml.nvmlDeviceGetPciInfo(device)
    profiles, end = gpu_profiles(device)
    facts = nvml.nvmlDeviceGetFieldValues(device, [184, 199, 1])
    return {
        "index": nvml.nvmlDeviceGetIndex(device), "name": text(nvml.nvmlDeviceGetName(device)),
        "uuid": text(nvml.nvmlDeviceGetUUID(device)), "minor": nvml.nvmlDeviceGetMinorNumber(device),
        "mode": nvml.nvmlDeviceGetMigMode(device),
        "pci": fields(pci, "busId", "busIdLegacy", "domain", "bus", "device", "pciDeviceId"),
        "foundByUUID": nvml.nvmlDeviceGetIndex(nvml.nvmlDeviceGetHandleByUUID(nvml.nvmlDeviceGetUUID(device))),
        "foundByPCI": nvml.nvmlDeviceGetIndex(nvml.nvmlDeviceGetHandleByPciBusId(pci.busId)),
        "foundBySerial": nvml.nvmlDeviceGetIndex(nvml.nvmlDeviceGetHandleBySerial(nvml.nvmlDeviceGetSerial(device))),
        "memory": fields(nvml.nvmlDeviceGetMemoryInfo(device), "total", "free", "used"),
        "architecture": nvml.nvmlDeviceGetArchitecture(device),
        "capability": list(nvml.nvmlDeviceGetCudaComputeCapability(device)),
        "persistence": nvml.nvmlDeviceGetPersistenceMode(device),
        "computeMode": nvml.nvmlDeviceGetComputeMode(device),
        "facts": [fact.value.uiVal if fact.nvmlReturn == 0 else -fact.nvmlReturn for fact in facts],
        "isMig": nvml.nvmlDeviceIsMigDeviceHandle(device),
        "mostDevices": nvml.nvmlDeviceGetMaxMigDeviceCount(device),
        "instanceId": code(nvml.nvmlDeviceGetGpuInstanceId, device),
        "attributes": code(nvml.nvmlDeviceGetAttributes_v2, device),
        "utilization": code(nvml.nvmlDeviceGetUtilizationRates, device),
        "cores": code(nvml.nvmlDeviceGetNumGpuCores, device),
        "profiles": profiles, "endOfProfiles": end, "instances": gpu_instances(device, profiles),
        "devices": mig_devices(device), "old": old_spellings(device),
        "processes": [len(call(device)) for call in (
            nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses,
            nvml.nvmlDeviceGetMPSComputeRunningProcesses)],
    }


def make(request):
    index, profile, *start = (int(word) for word in request.split(":"))
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    if start:
        place = nvml.c_nvmlGpuInstancePlacement_t(start[0], possible_placements(device, profile)[0][1])
        instance = nvml.nvmlDeviceCreateGpuInstanceWithPlacement(device, profile, ctypes.byref(place))
    else:
        instance = nvml.nvmlDeviceCreateGpuInstance(device, profile)
    largest = max(gpu_instance(device, instance)["computeProfiles"], key=lambda entry: entry["v1"]["sliceCount"])
    nvml.nvmlGpuInstanceCreateComputeInstance(instance, largest["v1"]["id"])


def main():
    try:
        nvml.nvmlDeviceGetCount()
        before = 0
    except nvml.NVMLError as error:
        before = error.value
    nvml.nvmlInit()
    for word in sys.argv[1:]:
        if word != "inside":
            make(word)
    result = {
        "beforeInit": before, "driver": text(nvml.nvmlSystemGetDriverVersion()),
        "library": text(nvml.nvmlSystemGetNVMLVersion()), "cuda": nvml.nvmlSystemGetCudaDriverVersion(),
        "gpus": [gpu(index) for index in range(nvml.nvmlDeviceGetCount())],
    }
    nvml.nvmlShutdown()
    result["afterShutdown"] = code(nvml.nvmlDeviceGetCount)
    # Some functions of nvidia-ml-py return the C number as it is.
    print(json.dumps(result, default=lambda number: number.value))


main()
