internal import CNVML
internal import Linux
package import MIG

/// What became of a change of MIG mode that the driver accepted.
package enum MIGModeChange: Hashable, Sendable, CustomStringConvertible {
    /// The mode is what was asked for, now.
    case done
    /// It will be after the next reset: somebody uses the GPU.
    case pendingInUse
    /// It will be after a reboot or reset that the driver may not do itself.
    case pendingReset
    /// It will be after the next reset, for another reason.
    case pending(NVMLReturn)

    /// For records and people.
    package var description: String {
        switch self {
        case .done: "done"
        case .pendingInUse: "pending until the GPU is reset: a process uses it"
        case .pendingReset: "pending until the machine is restarted, or the GPU reset by hand"
        case .pending(let code): "pending until the GPU is reset: \(code)"
        }
    }
}

extension NVMLDriver {
    /// Turns MIG mode on or off; needs CAP_SYS_ADMIN.
    ///
    /// The GPU may be unbound and reset: its minor number and its index may change, and all handles are read anew.
    /// Thrown IN_USE: nothing was changed, because instances or clients are in the way. Thrown `unconfirmed`: the driver
    /// accepted the change, and then the GPU could not be found or read for as long as `patience` says.
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
        guard let mode = try modeAfterChange(of: gpu) else { throw .call(name, .notSupported) }
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

    /// Whether a change of MIG mode resets the GPU, so that it waits for the GPU's last client to leave.
    ///
    /// A GPU of which the library tells neither that nor its generation counts as one that is reset.
    package func changesModeByReset(of gpu: GPUUUID) throws(NVMLError) -> Bool {
        let device = try device(gpu)
        if let isResetless = try isChangedWithoutReset(device) { return !isResetless }
        guard let function = unsafe functions.architecture else { return true }
        do throws(NVMLError) {
            let architecture = try number("nvmlDeviceGetArchitecture") { unsafe function(device.raw, $0) }
            // `facts/nvml.md` 6: the first generation that needs none. The number of an unknown one is the highest.
            return architecture < NVML_DEVICE_ARCH_HOPPER || architecture == NVML_DEVICE_ARCH_UNKNOWN
        } catch .call(_, .notSupported), .call(_, .functionNotFound) {
            return true
        }
    }

    /// What the library says itself, or nil where it does not know the question.
    private func isChangedWithoutReset(_ device: DeviceHandle) throws(NVMLError) -> Bool? {
        guard let function = unsafe functions.fieldValues else { return nil }
        var field = nvmlFieldValue_t()
        field.fieldId = NVML_FI_DEV_RESETLESS_MIG_SUPPORT
        // A library that leaves the answer as it was has not answered.
        field.nvmlReturn = NVML_ERROR_NOT_SUPPORTED
        do throws(NVMLError) {
            // SAFETY: the one field lives through the call and has the layout that the header asserts.
            try call("nvmlDeviceGetFieldValues") { unsafe function(device.raw, 1, &field) }
        } catch .call(_, .notSupported), .call(_, .invalidArgument), .call(_, .functionNotFound) {
            return nil
        }
        guard field.nvmlReturn == NVML_SUCCESS, field.valueType == NVML_VALUE_TYPE_UNSIGNED_INT else { return nil }
        // SAFETY: the type says that this is the member of the union that was written.
        return unsafe field.value.uiVal != 0
    }

    /// The GPU's mode once it can be read again: while it is reset it is not on the bus, or answers nothing sensible.
    private func modeAfterChange(of gpu: GPUUUID) throws(NVMLError) -> MIGMode? {
        let deadline = Clock.monotonic() + Int64(patience.milliseconds) * 1_000_000
        while true {
            do throws(NVMLError) {
                return try migMode(of: gpu)
            } catch .driverNotLoaded {
                throw .driverNotLoaded
            } catch {
                guard Clock.monotonic() < deadline else { throw .unconfirmed(error) }
                forget()
                Clock.sleep(milliseconds: patience.pauseMilliseconds)
            }
        }
    }
}
