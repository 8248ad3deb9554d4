"""Asks for a session and for each GPU in every way, and prints the return codes as one JSON object.

The arguments are the GPUs' UUIDs and PCI addresses, and the UUIDs of MIG devices.
"""

import json
import sys

import pynvml as nvml


def code(call, *arguments):
    try:
        call(*arguments)
    except nvml.NVMLError as error:
        return error.value
    return 0


codes = {"session": code(nvml.nvmlInit)}
if codes["session"] == 0:
    codes["count"] = nvml.nvmlDeviceGetCount()
    for index in range(codes["count"]):
        codes[str(index)] = code(nvml.nvmlDeviceGetHandleByIndex, index)
    for name in sys.argv[1:]:
        find = nvml.nvmlDeviceGetHandleByUUID if "-" in name else nvml.nvmlDeviceGetHandleByPciBusId
        codes[name] = code(find, name.encode())
print(json.dumps(codes))
