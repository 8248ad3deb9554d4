internal import CNVML
package import MIG

extension NVMLDriver {
    // More than any machine holds; a count beyond it is not believed.
    private static let mostGPUs = 256

    /// A GPU that the driver counts and then cannot tell about: fallen off the bus, without power, not permitted.
    package struct UnreadableGPU: Hashable, Sendable {
        package let index: Int
        package let error: NVMLError
    }

    /// The GPUs that answer, and those that do not.
    package struct Inventory: Hashable, Sendable {
        package let gpus: [GPU]
        package let unreadable: [UnreadableGPU]
    }

    /// Enumerates the GPUs anew; one that is broken does not hide the others.
    package func inventory() throws(NVMLError) -> Inventory {
        let count = try number("nvmlDeviceGetCount_v2") { unsafe functions.deviceCount($0) }
        guard count <= Self.mostGPUs else { throw .nonsense(call: "nvmlDeviceGetCount_v2", answer: "\(count) GPUs") }
        var handles: [GPUUUID: DeviceHandle] = [:]
        var gpus: [GPU] = []
        var unreadable: [UnreadableGPU] = []
        for index in 0..<count {
            do throws(NVMLError) {
                let device: DeviceHandle = try handle("nvmlDeviceGetHandleByIndex_v2") {
                    unsafe functions.deviceByIndex(UInt32(index), $0)
                }
                let gpu = try read(device, index: index)
                guard handles[gpu.uuid] == nil else {
                    throw .nonsense(call: "nvmlDeviceGetUUID", answer: "\(gpu.uuid) for two GPUs")
                }
                handles[gpu.uuid] = device
                gpus.append(gpu)
            } catch .driverNotLoaded {
                throw .driverNotLoaded
            } catch {
                unreadable.append(UnreadableGPU(index: index, error: error))
            }
        }
        remember(handles)
        return Inventory(gpus: gpus, unreadable: unreadable)
    }

    /// The GPUs that answer, in the driver's order; `inventory` tells of the others too.
    package func gpus() throws(NVMLError) -> [GPU] { try inventory().gpus }

    /// A GPU's mode now, or nil where it has no MIG.
    package func migMode(of gpu: GPUUUID) throws(NVMLError) -> MIGMode? {
        try migMode(of: try device(gpu))
    }

    /// The name that CUDA knows a GPU or a MIG device by.
    func uuidText(of device: DeviceHandle) throws(NVMLError) -> String {
        try text("nvmlDeviceGetUUID", NVML_DEVICE_UUID_V2_BUFFER_SIZE) { unsafe functions.uuid(device.raw, $0, $1) }
    }

    /// The whole board's memory in bytes, the driver's share included.
    func memoryBytes(of device: DeviceHandle) throws(NVMLError) -> UInt64 {
        var memory = nvmlMemory_t()
        // SAFETY: the struct lives through the call and has the layout that the header asserts.
        try call("nvmlDeviceGetMemoryInfo") { unsafe functions.memoryInfo(device.raw, &memory) }
        return memory.total
    }

    func migMode(of device: DeviceHandle) throws(NVMLError) -> MIGMode? {
        var current: UInt32 = 0
        var pending: UInt32 = 0
        do throws(NVMLError) {
            // SAFETY: both numbers live through the call.
            try call("nvmlDeviceGetMigMode") { unsafe functions.migMode(device.raw, &current, &pending) }
        } catch .call(_, .notSupported) {
            return nil
        }
        return MIGMode(
            isEnabled: current == NVML_DEVICE_MIG_ENABLE, isPendingEnabled: pending == NVML_DEVICE_MIG_ENABLE)
    }

    private func read(_ device: DeviceHandle, index: Int) throws(NVMLError) -> GPU {
        let told = try uuidText(of: device)
        guard let uuid = GPUUUID(told) else { throw .nonsense(call: "nvmlDeviceGetUUID", answer: "\"\(told)\"") }
        let name = try text("nvmlDeviceGetName", NVML_DEVICE_NAME_V2_BUFFER_SIZE) {
            unsafe functions.name(device.raw, $0, $1)
        }
        let minor = try number("nvmlDeviceGetMinorNumber") { unsafe functions.minorNumber(device.raw, $0) }
        var pci = nvmlPciInfo_t()
        // SAFETY: the struct lives through the call and has the layout that the header asserts.
        try call("nvmlDeviceGetPciInfo_v3") { unsafe functions.pciInfo(device.raw, &pci) }
        guard let bus = UInt8(exactly: pci.bus), let slot = UInt8(exactly: pci.device) else {
            throw .nonsense(call: "nvmlDeviceGetPciInfo_v3", answer: "bus \(pci.bus), device \(pci.device)")
        }
        return GPU(
            index: index, uuid: uuid, pci: PCIAddress(domain: pci.domain, bus: bus, device: slot), minor: minor,
            name: name, memoryMiB: Int(try memoryBytes(of: device) >> 20), mode: try migMode(of: device))
    }
}
