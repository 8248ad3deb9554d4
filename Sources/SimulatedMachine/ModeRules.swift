import MIG

/// What a request for another MIG mode came to: what the call returns, and what it says of the mode.
package struct ModeChange: Hashable, Sendable {
    package let result: DriverCode
    package let activation: DriverCode
}

/// How MIG mode changes and what it outlives; `facts/nvml.md` 1.5 and 6.
extension SimulatedGPU {
    /// Asks for a mode; success of the call does not mean that the mode is active.
    ///
    /// `hasClient` tells whether any process uses the GPU or one of its instances.
    package mutating func setMode(enabled: Bool, hasClient: Bool) -> ModeChange {
        if mode.isEnabled == enabled {
            mode = MIGMode(isEnabled: enabled, isPendingEnabled: enabled)
            return ModeChange(result: .success, activation: .success)
        }
        guard hasClient || !instances.isEmpty else {
            mode = MIGMode(isEnabled: enabled, isPendingEnabled: enabled)
            return ModeChange(result: .success, activation: .success)
        }
        // A GPU that must be reset keeps the wish until then. One that need not be refuses outright when instances
        // are in the way; both answers have been seen on real boards, and a caller must know both.
        if model.modeChangeNeedsReset {
            mode = MIGMode(isEnabled: mode.isEnabled, isPendingEnabled: enabled)
            return ModeChange(result: .success, activation: .inUse)
        }
        return ModeChange(result: enabled ? .success : .inUse, activation: .inUse)
    }

    /// The driver is unloaded and loaded again: no instance survives, and MIG mode only where the board stores it.
    package mutating func forgetAtReload() {
        let isEnabled = model.modeSurvivesReboot && mode.isPendingEnabled
        instances = []
        mode = MIGMode(isEnabled: isEnabled, isPendingEnabled: isEnabled)
        isPersistent = false
        computeMode = 0
    }
}
