package import MIG
package import NVML

/// MIG modes to be set.
package struct ModeWish: Sendable {
    package let isEnabled: Bool
    /// None at all means every GPU on which the caller may.
    package let gpus: [GPUSelector]
    package let isDryRun: Bool
    package let key: String?
    /// The plan that was shown. Without one no lease is ended.
    package let plan: PlanID?

    package init(isEnabled: Bool, gpus: [GPUSelector], isDryRun: Bool, key: String?, plan: PlanID?) {
        self.isEnabled = isEnabled
        self.gpus = gpus
        self.isDryRun = isDryRun
        self.key = key
        self.plan = plan
    }

    /// What is asked for; the log has it, and tells `enables` later what it was.
    var words: String {
        let what = gpus.isEmpty ? "all" : gpus.map(\.description).joined(separator: " ")
        return "\(isEnabled ? Self.enabling : Self.disabling) on \(what)"
    }

    /// Whether these words asked for MIG mode, or for its end.
    static func enables(_ words: String) -> Bool { words.utf8.starts(with: enabling.utf8) }

    private static let enabling = "enabled"
    private static let disabling = "disabled"
}

/// What a change of modes came to.
package struct ModesChanged: Sendable {
    package let change: Changed
    package let isDryRun: Bool
    /// For each GPU that was meant, what became of its mode; what was planned, for a dry run.
    package let gpus: [Ending]

    package struct Ending: Sendable {
        package let gpu: GPUUUID
        package let state: State
    }

    package enum State: Sendable {
        /// A dry run: it would be changed.
        case planned
        /// It was so already.
        case unchanged
        case set(MIGModeChange)
    }
}
