// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import SimulatedMachine

// MARK: - What there is under other systems, or on other buses

@c @implementation
public func nvmlDeviceGetDriverModel(
    _ device: nvmlDevice_t?, _ current: UnsafeMutablePointer<nvml_u32>?, _ pending: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in throw try call.onlyElsewhere(device) }
}

@c @implementation
public func nvmlDeviceGetDriverModel_v2(
    _ device: nvmlDevice_t?, _ current: UnsafeMutablePointer<nvml_u32>?, _ pending: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in throw try call.onlyElsewhere(device) }
}

@c @implementation
public func nvmlDeviceRemoveGpu(_ pci: UnsafeMutablePointer<nvmlPciInfo_t>?) -> nvmlReturn_t {
    answer { call throws(MachineError) in throw try call.cannotUnplug(pci) }
}

@c @implementation
public func nvmlDeviceRemoveGpu_v2(
    _ pci: UnsafeMutablePointer<nvmlPciInfo_t>?, _ gpuState: nvml_u32, _ linkState: nvml_u32
) -> nvmlReturn_t {
    answer { call throws(MachineError) in throw try call.cannotUnplug(pci) }
}

extension Call {
    fileprivate func onlyElsewhere(_ pointer: nvmlDevice_t?) throws(MachineError) -> MachineError {
        _ = try device(pointer)
        return .refused(.notSupported)
    }

    /// A simulated machine's GPUs stay where they are.
    fileprivate func cannotUnplug(_ pci: UnsafeMutablePointer<nvmlPciInfo_t>?) throws(MachineError) -> MachineError {
        guard pci != nil else { throw .refused(.invalidArgument) }
        return .refused(rights.isAdministrator ? .notSupported : .noPermission)
    }
}
