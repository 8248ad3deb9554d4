// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import MIG
import SimulatedMachine

// MARK: - Finding devices

@c @implementation
public func nvmlDeviceGetCount(_ count: UnsafeMutablePointer<nvml_u32>?) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(UInt32(call.state.gpus.count), into: count) }
}

@c @implementation
public func nvmlDeviceGetCount_v2(_ count: UnsafeMutablePointer<nvml_u32>?) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(UInt32(call.state.gpus.count), into: count) }
}

@c @implementation
public func nvmlDeviceGetHandleByIndex(
    _ index: nvml_u32, _ device: UnsafeMutablePointer<nvmlDevice_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.put(gpu: Int(index), into: device) }
}

@c @implementation
public func nvmlDeviceGetHandleByIndex_v2(
    _ index: nvml_u32, _ device: UnsafeMutablePointer<nvmlDevice_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.put(gpu: Int(index), into: device) }
}

@c @implementation
public func nvmlDeviceGetHandleBySerial(
    _ serial: UnsafePointer<CChar>?, _ device: UnsafeMutablePointer<nvmlDevice_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let text = try string(serial)
        guard let index = call.state.gpus.firstIndex(where: { $0.serial.utf8.elementsEqual(text.utf8) }) else {
            throw .refused(.notFound)
        }
        try call.put(gpu: index, into: device)
    }
}

@c @implementation
public func nvmlDeviceGetHandleByUUID(
    _ uuid: UnsafePointer<CChar>?, _ device: UnsafeMutablePointer<nvmlDevice_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.put(deviceNamed: try string(uuid), into: device) }
}

@c @implementation
public func nvmlDeviceGetHandleByUUIDV(
    _ uuid: UnsafePointer<nvmlUUID_t>?, _ device: UnsafeMutablePointer<nvmlDevice_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        guard let uuid else { throw .refused(.invalidArgument) }
        guard uuid.pointee.version == NVML_UUID_V1 else { throw .refused(.argumentVersionMismatch) }
        // The binary form does not say whether it means a GPU or a MIG device.
        guard uuid.pointee.type == NVML_UUID_TYPE_ASCII else { throw .refused(.invalidArgument) }
        let text = withUnsafeBytes(of: uuid.pointee.value.str) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        try call.put(deviceNamed: text, into: device)
    }
}

@c @implementation
public func nvmlDeviceGetHandleByPciBusId(
    _ busId: UnsafePointer<CChar>?, _ device: UnsafeMutablePointer<nvmlDevice_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.put(gpuAt: try string(busId), into: device) }
}

@c @implementation
public func nvmlDeviceGetHandleByPciBusId_v2(
    _ busId: UnsafePointer<CChar>?, _ device: UnsafeMutablePointer<nvmlDevice_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.put(gpuAt: try string(busId), into: device) }
}

private func string(_ pointer: UnsafePointer<CChar>?) throws(MachineError) -> String {
    guard let pointer else { throw .refused(.invalidArgument) }
    return String(cString: pointer)
}

extension Call {
    fileprivate func put(gpu index: Int, into device: UnsafeMutablePointer<nvmlDevice_t?>?) throws(MachineError) {
        guard index < state.gpus.count, let device else { throw .refused(.invalidArgument) }
        try machine.requireUse(state, gpu: index)
        device.pointee = handle(ofGPU: index)
    }

    fileprivate func put(
        gpuAt text: String, into device: UnsafeMutablePointer<nvmlDevice_t?>?
    ) throws(MachineError) {
        guard let address = PCIAddress(text) else { throw .refused(.invalidArgument) }
        guard let index = state.gpus.firstIndex(where: { $0.pci == address }) else { throw .refused(.notFound) }
        try put(gpu: index, into: device)
    }

    fileprivate func put(
        deviceNamed text: String, into device: UnsafeMutablePointer<nvmlDevice_t?>?
    ) throws(MachineError) {
        guard let device else { throw .refused(.invalidArgument) }
        if let uuid = GPUUUID(text) {
            guard let index = state.gpus.firstIndex(where: { $0.uuid == uuid }) else { throw .refused(.notFound) }
            return try put(gpu: index, into: device)
        }
        let isWanted: (SimulatedGPU, SimulatedGPU.Instance, SimulatedGPU.Compute) -> Bool
        if let uuid = MIGUUID(text) {
            isWanted = { _, _, compute in compute.uuid == uuid }
        } else if text.utf8.starts(with: "MIG-GPU-".utf8) {
            // The name that drivers before 470.42.01 gave: MIG-<GPU's name>/<GPU instance>/<compute instance>.
            isWanted = { gpu, instance, compute in
                "MIG-\(gpu.uuid)/\(instance.id)/\(compute.id)".utf8.elementsEqual(text.utf8)
            }
        } else {
            throw .refused(.invalidArgument)
        }
        for (index, gpu) in state.gpus.enumerated() {
            for (instance, compute) in gpu.devices where isWanted(gpu, instance, compute) {
                try machine.requireUse(state, gpu: index)
                device.pointee = migDevice(index, instance, compute)
                return
            }
        }
        throw .refused(.notFound)
    }

    /// The handle of a MIG device.
    func migDevice(
        _ gpu: Int, _ instance: SimulatedGPU.Instance, _ compute: SimulatedGPU.Compute
    ) -> nvmlDevice_t? {
        Handle.migDevice(gpu: gpu, instance.id, compute.id, serial: compute.serial).pointer(epoch: epoch)
    }
}
