// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import MIG
import SimulatedMachine

// MARK: - Memory and activity

@c @implementation
public func nvmlDeviceGetMemoryInfo(
    _ device: nvmlDevice_t?, _ memory: UnsafeMutablePointer<nvmlMemory_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let bytes = try call.memory(of: device)
        try put(nvmlMemory_t(total: bytes.total, free: bytes.total - bytes.used, used: bytes.used), into: memory)
    }
}

@c @implementation
public func nvmlDeviceGetMemoryInfo_v2(
    _ device: nvmlDevice_t?, _ memory: UnsafeMutablePointer<nvmlMemory_v2_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let bytes = try call.memory(of: device)
        guard let memory else { throw .refused(.invalidArgument) }
        guard memory.pointee.version == NVML_MEMORY_V2 else { throw .refused(.argumentVersionMismatch) }
        memory.pointee.total = bytes.total
        memory.pointee.reserved = 0
        memory.pointee.free = bytes.total - bytes.used
        memory.pointee.used = bytes.used
    }
}

@c @implementation
public func nvmlDeviceGetBAR1MemoryInfo(
    _ device: nvmlDevice_t?, _ memory: UnsafeMutablePointer<nvmlBAR1Memory_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.device(device)
        let model = device.gpu.model
        let size = UInt64(device.part.map { model.bar1MiB(at: $0.instance.placement) } ?? model.bar1MiB) << 20
        // Processes of a simulated machine map none of it.
        try put(nvmlBAR1Memory_t(bar1Total: size, bar1Free: size, bar1Used: 0), into: memory)
    }
}

@c @implementation
public func nvmlDeviceGetUtilizationRates(
    _ device: nvmlDevice_t?, _ utilization: UnsafeMutablePointer<nvmlUtilization_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.device(device)
        guard !device.gpu.mode.isEnabled else { throw .refused(.notSupported) }
        // Processes of a simulated machine hold memory and compute nothing.
        try put(nvmlUtilization_t(gpu: 0, memory: 0), into: utilization)
    }
}

@c @implementation
public func nvmlGpmMigSampleGet(
    _ device: nvmlDevice_t?, _ gpuInstanceId: nvml_u32, _ sample: nvmlGpmSample_t?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        _ = try call.gpu(device)
        throw .refused(.notSupported)
    }
}

// MARK: - Processes

/// Kinds of process; a simulated machine has those that compute.
enum ProcessKind { case compute, graphics, mps }

@c @implementation
public func nvmlDeviceGetComputeRunningProcesses(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
    _ infos: UnsafeMutablePointer<nvmlProcessInfo_v1_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.list(.compute, device, count, infos, nvmlProcessInfo_v1_t.init) }
}

@c @implementation
public func nvmlDeviceGetComputeRunningProcesses_v2(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
    _ infos: UnsafeMutablePointer<nvmlProcessInfo_v2_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.list(.compute, device, count, infos, nvmlProcessInfo_v2_t.init) }
}

@c @implementation
public func nvmlDeviceGetComputeRunningProcesses_v3(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
    _ infos: UnsafeMutablePointer<nvmlProcessInfo_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.list(.compute, device, count, infos, nvmlProcessInfo_v2_t.init) }
}

@c @implementation
public func nvmlDeviceGetGraphicsRunningProcesses(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
    _ infos: UnsafeMutablePointer<nvmlProcessInfo_v1_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.list(.graphics, device, count, infos, nvmlProcessInfo_v1_t.init) }
}

@c @implementation
public func nvmlDeviceGetGraphicsRunningProcesses_v2(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
    _ infos: UnsafeMutablePointer<nvmlProcessInfo_v2_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.list(.graphics, device, count, infos, nvmlProcessInfo_v2_t.init) }
}

@c @implementation
public func nvmlDeviceGetGraphicsRunningProcesses_v3(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
    _ infos: UnsafeMutablePointer<nvmlProcessInfo_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.list(.graphics, device, count, infos, nvmlProcessInfo_v2_t.init) }
}

@c @implementation
public func nvmlDeviceGetMPSComputeRunningProcesses(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
    _ infos: UnsafeMutablePointer<nvmlProcessInfo_v1_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.list(.mps, device, count, infos, nvmlProcessInfo_v1_t.init) }
}

@c @implementation
public func nvmlDeviceGetMPSComputeRunningProcesses_v2(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
    _ infos: UnsafeMutablePointer<nvmlProcessInfo_v2_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.list(.mps, device, count, infos, nvmlProcessInfo_v2_t.init) }
}

@c @implementation
public func nvmlDeviceGetMPSComputeRunningProcesses_v3(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
    _ infos: UnsafeMutablePointer<nvmlProcessInfo_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.list(.mps, device, count, infos, nvmlProcessInfo_v2_t.init) }
}

@c @implementation
public func nvmlDeviceGetRunningProcessDetailList(
    _ device: nvmlDevice_t?, _ list: UnsafeMutablePointer<nvmlProcessDetailList_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        guard let list else { throw .refused(.invalidArgument) }
        guard list.pointee.version == NVML_PROCESS_DETAIL_LIST_V1 else {
            throw .refused(.argumentVersionMismatch)
        }
        let kinds: [ProcessKind] = [.compute, .graphics, .mps]
        guard list.pointee.mode < kinds.count else { throw .refused(.invalidArgument) }
        let kind = kinds[Int(list.pointee.mode)]
        let array = list.pointee.procArray
        try withUnsafeMutablePointer(to: &list.pointee.numProcArrayEntries) { count throws(MachineError) in
            try call.list(kind, device, count, array, nvmlProcessDetail_v1_t.init)
        }
    }
}

extension nvmlProcessInfo_v1_t {
    fileprivate init(_ holder: Holder) {
        self.init(pid: UInt32(holder.pid), usedGpuMemory: UInt64(holder.memoryMiB) << 20)
    }
}

extension nvmlProcessInfo_v2_t {
    fileprivate init(_ holder: Holder) {
        self.init(
            pid: UInt32(holder.pid), usedGpuMemory: UInt64(holder.memoryMiB) << 20,
            gpuInstanceId: holder.instance?.gpuInstance.rawValue ?? NVML_INSTANCE_ID_NONE,
            computeInstanceId: holder.instance?.computeInstance.rawValue ?? NVML_INSTANCE_ID_NONE)
    }
}

extension nvmlProcessDetail_v1_t {
    init(_ holder: Holder) {
        let info = nvmlProcessInfo_v2_t(holder)
        self.init(
            pid: info.pid, usedGpuMemory: info.usedGpuMemory, gpuInstanceId: info.gpuInstanceId,
            computeInstanceId: info.computeInstanceId, usedGpuCcProtectedMemory: 0)
    }
}

extension Call {
    /// The bytes of a GPU, or of the GPU instance that a MIG device lies in.
    fileprivate func memory(of pointer: nvmlDevice_t?) throws(MachineError) -> (total: UInt64, used: UInt64) {
        let device = try device(pointer)
        try requireMonitor(device)
        let holders = try machine.holders(of: device.gpu).filter { holder in
            device.part.map { $0.instance.id == holder.instance?.gpuInstance } ?? true
        }
        let total = device.part?.profile.gpuInstance.memoryMiB ?? device.gpu.model.memoryMiB
        let used = holders.reduce(0) { $0 + $1.memoryMiB }
        return (UInt64(total) << 20, UInt64(min(used, total)) << 20)
    }

    fileprivate func list<Entry>(
        _ kind: ProcessKind, _ pointer: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?,
        _ entries: UnsafeMutablePointer<Entry>?, _ entry: (Holder) -> Entry
    ) throws(MachineError) {
        for (index, holder) in try processes(kind, pointer, count, entries).enumerated() {
            entries?[index] = entry(holder)
        }
    }

    /// The processes that fill the caller's array, counted where he wants the count; where the array is too small that is
    /// all he gets.
    func processes<Array>(
        _ kind: ProcessKind, _ pointer: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?, _ array: Array?
    ) throws(MachineError) -> [Holder] {
        let device = try device(pointer)
        guard let count else { throw .refused(.invalidArgument) }
        try requireMonitor(device)
        let all = kind == .compute ? try machine.holders(of: device.gpu) : []
        let holders = all.filter { holder in
            guard let part = device.part else { return true }
            return holder.instance
                == Holder.Instance(gpuInstance: part.instance.id, computeInstance: part.compute.id)
        }
        let room = count.pointee
        count.pointee = UInt32(holders.count)
        guard room >= holders.count else { throw .refused(.insufficientSize) }
        guard holders.isEmpty || array != nil else { throw .refused(.invalidArgument) }
        return holders
    }

    /// While a GPU is cut into instances, what concerns it as a whole is not for everybody.
    private func requireMonitor(_ device: Device) throws(MachineError) {
        guard device.part != nil || !device.gpu.mode.isEnabled || rights.mayMonitor else {
            throw .refused(.noPermission)
        }
    }
}
