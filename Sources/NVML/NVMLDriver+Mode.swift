internal import CNVML
package import MIG

/// What became of a change of MIG mode that the driver accepted.
package enum MIGModeChange: Hashable, Sendable {
    /// The mode is what was asked for, now.
    case done
    /// It will be after the next reset: somebody uses the GPU.
    case pendingInUse
    /// It will be after a reboot or reset that the driver may not do itself.
    case pendingReset
    /// It will be after the next reset, for another reason.
    case pending(NVMLReturn)
}

extension NVMLDriver {
    /// Turns MIG mode on or off; needs CAP_SYS_ADMIN.
    ///
    /// The GPU may be unbound and reset: its minor number and its index may change, and all handles are read anew.
    /// Thrown IN_USE: nothing was changed, because instances or clients are in the way.
    package func setMIGMode(enabled: Bool, on gpu: GPUUUID) throws(NVMLError) -> MIGModeChange {
        let name = "nvmlDeviceSetMigMode"
        let device = try device(gpu)
        var activation = NVML_SUCCESS
        let wanted = enabled ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE
        // SAFETY: the status lives through the call.
        let answer = NVMLReturn(unsafe functions.setMigMode(device.raw, wanted, &activation))
        forget()
        switch answer {
        case .success, .inUse, .resetRequired: break
        case .driverNotLoaded: throw .driverNotLoaded
        default: throw .call(name, answer)
        }
        // The mode itself is what counts: a success may mean pending, an IN_USE may mean pending or refused.
        guard let mode = try migMode(of: gpu) else { throw .call(name, .notSupported) }
        if mode.isEnabled == enabled, mode.isPendingEnabled == enabled { return .done }
        let cause = answer == .success ? NVMLReturn(activation) : answer
        guard mode.isPendingEnabled == enabled else {
            if cause == .success { throw .notDone(call: name, found: "the mode is unchanged") }
            throw .call(name, cause)
        }
        switch cause {
        case .inUse: return .pendingInUse
        case .resetRequired: return .pendingReset
        default: return .pending(cause)
        }
    }
}
