import MIG

/// What a request for another MIG mode came to: what the call returns, and what it says of the mode.
package struct ModeChange: Hashable, Sendable {
    package let result: DriverCode
    package let activation: DriverCode
    /// Whether the GPU was reset for it.
    package var isReset = false
}

/// How MIG mode changes and what it outlives; `facts/nvml.md` 1.5 and 6.
extension SimulatedGPU {
    /// Asks for a mode; success of the call does not mean that the mode is active.
    ///
    /// `hasClient` tells whether any process uses the GPU or one of its instances, `canReset` whether the driver may
    /// reset it.
    package mutating func setMode(enabled: Bool, hasClient: Bool, canReset: Bool = true) -> ModeChange {
        guard model.supportsMIG else { return ModeChange(result: .notSupported, activation: .notSupported) }
        guard mode.isEnabled != enabled else {
            wish(enabled: enabled)
            return ModeChange(result: .success, activation: .success)
        }
        let isBusy = hasClient || !instances.isEmpty
        // A GPU that must be reset keeps the wish until then. One that need not be refuses outright when instances
        // are in the way; both answers have been seen on real boards, and a caller must know both.
        guard model.modeChangeNeedsReset else {
            if isBusy { return ModeChange(result: enabled ? .success : .inUse, activation: .inUse) }
            activate(enabled)
            return ModeChange(result: .success, activation: .success)
        }
        wish(enabled: enabled)
        // Inferred: a driver that may not reset says so whoever uses the GPU, for his leaving would change nothing.
        guard canReset else { return ModeChange(result: .success, activation: .resetRequired) }
        guard !isBusy else { return ModeChange(result: .success, activation: .inUse) }
        reset()
        return ModeChange(result: .success, activation: .success, isReset: true)
    }

    /// The GPU is unbound and reset: a pending mode is active, no instance survives, and no handle is good any more.
    ///
    /// Inferred: persistence mode, which is the kernel's own, stays; so does MIG mode where the board does not store it,
    /// for the driver stays loaded.
    package mutating func reset() {
        activate(mode.isPendingEnabled)
        instances = []
        computeMode = 0
        resets &+= 1
    }

    /// Turns persistence mode on or off. Off, the driver lets go of the GPU when the last process leaves.
    package mutating func setPersistence(_ isWanted: Bool) {
        if isWanted {
            isReleased = false
        } else if isPersistent {
            // A board that stores its mode comes back as it was, and its instances are kept for it.
            isReleased = !model.modeSurvivesReboot
            if model.isCoherent { resets &+= 1 }
        }
        isPersistent = isWanted
    }

    /// The driver lets go of the GPU: what it keeps in memory only is gone.
    mutating func letGo() {
        activate(false)
        instances = []
        isReleased = false
    }

    /// The driver is unloaded and loaded again: no instance survives, and MIG mode only where the board stores it.
    ///
    /// A pending mode stays pending where that comes without a reset.
    package mutating func forgetAtReload(isReset: Bool = true) {
        if !model.modeSurvivesReboot {
            activate(false)
        } else if isReset {
            activate(mode.isPendingEnabled)
        }
        instances = []
        isPersistent = false
        isReleased = false
        isAttached = false
        computeMode = 0
    }

    private mutating func activate(_ enabled: Bool) {
        mode = MIGMode(isEnabled: enabled, isPendingEnabled: enabled)
        // Inferred: the exclusive modes do not go with MIG, and nobody could set the GPU's back while it is on.
        if enabled { computeMode = 0 }
    }

    private mutating func wish(enabled: Bool) {
        mode = MIGMode(isEnabled: mode.isEnabled, isPendingEnabled: enabled)
    }
}

/// How GPUs come by their minor numbers.
extension MachineState {
    /// Asks for a GPU's mode, which may reset the GPU.
    mutating func setMode(gpu index: Int, enabled: Bool, hasClient: Bool) -> ModeChange {
        let change = gpus[index].setMode(enabled: enabled, hasClient: hasClient, canReset: canResetGPUs)
        if change.isReset { renumber(gpu: index) }
        return change
    }

    /// Resets a GPU.
    mutating func reset(gpu index: Int) {
        gpus[index].reset()
        renumber(gpu: index)
    }

    /// Unloads the driver and loads it again; `isReset` tells whether the GPUs are reset by it.
    mutating func reload(isReset: Bool) {
        load += 1
        written = [:]
        for index in gpus.indices {
            gpus[index].forgetAtReload(isReset: isReset)
            // All are bound anew, in order.
            gpus[index].minor = index
        }
    }

    /// The number that a GPU had is given back only after it has another: it gets the lowest that no GPU has.
    private mutating func renumber(gpu index: Int) {
        guard renumbersGPUs else { return }
        let taken = Set(gpus.map(\.minor))
        guard let free = (0..<CapabilityMinor.gpuCount).first(where: { !taken.contains($0) }) else { return }
        gpus[index].minor = free
    }
}
