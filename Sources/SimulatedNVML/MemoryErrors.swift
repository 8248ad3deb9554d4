// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import SimulatedMachine

// MARK: - Errors of the memory, which a simulated one has none of

@c @implementation
public func nvmlDeviceGetTotalEccErrors(
    _ device: nvmlDevice_t?, _ errorType: nvml_u32, _ counterType: nvml_u32,
    _ count: UnsafeMutablePointer<nvml_u64>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.putErrors(of: device, errorType, counterType, into: count) }
}

@c @implementation
public func nvmlDeviceGetMemoryErrorCounter(
    _ device: nvmlDevice_t?, _ errorType: nvml_u32, _ counterType: nvml_u32, _ location: nvml_u32,
    _ count: UnsafeMutablePointer<nvml_u64>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        guard location < NVML_MEMORY_LOCATION_COUNT else { throw .refused(.invalidArgument) }
        try call.putErrors(of: device, errorType, counterType, into: count)
    }
}

extension Call {
    fileprivate func putErrors(
        of device: nvmlDevice_t?, _ errorType: UInt32, _ counterType: UInt32,
        into count: UnsafeMutablePointer<nvml_u64>?
    ) throws(MachineError) {
        _ = try self.device(device)
        guard errorType < NVML_MEMORY_ERROR_TYPE_COUNT, counterType < NVML_ECC_COUNTER_TYPE_COUNT else {
            throw .refused(.invalidArgument)
        }
        try put(0, into: count)
    }
}
