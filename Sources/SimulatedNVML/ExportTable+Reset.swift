import CNVML
import SimulatedMachine

/// The reset of GPUs, `nvidia-smi --gpu-reset`: questions that must be answered first, and a group of GPUs to reset.
extension ExportTable {
    /// Whether a GPU shows the console, which keeps nvidia-smi from resetting it; none has a display.
    static let isPrimary: @convention(c) (nvmlDevice_t?, Number) -> nvmlReturn_t = { device, isPrimary in
        answer("isPrimary") { call throws(MachineError) in
            _ = try call.gpu(device)
            try put(0, into: isPrimary)
        }
    }

    /// The state of the fabric manager; there is none.
    static let fabricState: @convention(c) (Number) -> nvmlReturn_t = { state in
        answer("fabricState") { _ throws(MachineError) in try put(0, into: state) }
    }

    /// Makes a group of the GPUs to reset. It is a number that comes back in the next two calls, and nothing is kept.
    static let makeResetGroup: @convention(c) (Number) -> nvmlReturn_t = { group in
        answer("makeResetGroup") { _ throws(MachineError) in try put(1, into: group) }
    }

    /// The GPUs that must be reset together with those of a group: without NVLink none.
    static let missingFromResetGroup: @convention(c) (UInt, UnsafeMutableRawPointer?, Number) -> nvmlReturn_t = {
        _, _, count in
        answer("missingFromResetGroup") { _ throws(MachineError) in try put(0, into: count) }
    }

    static let endResetGroup: @convention(c) (UInt) -> nvmlReturn_t = { _ in
        answer("endResetGroup") { _ throws(MachineError) in }
    }

    /// Resets GPUs. With the first that cannot be reset it ends, as nvidia-smi names none.
    static let reset: @convention(c) (nvml_u32, UnsafePointer<nvmlDevice_t?>?) -> nvmlReturn_t = { count, devices in
        answer("reset") { call throws(MachineError) in
            guard let devices else { throw .refused(.invalidArgument) }
            guard call.rights.isAdministrator else { throw .refused(.noPermission) }
            for position in 0..<Int(count) {
                try call.machine.reset(gpu: try call.gpu(devices[position]).index)
            }
        }
    }
}
