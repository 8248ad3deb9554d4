import MIG
import Planner

/// Slot maps of GPUs, worked out anew only where something on one has moved: finding out what would fit takes the
/// planner's whole search for each profile, and a change moves one GPU of many.
struct SlotMapCache: Sendable {
    private struct Known {
        let state: GPUState
        let map: SlotMap
    }

    private var known: [GPUUUID: Known] = [:]

    /// The maps of these GPUs; others are forgotten.
    mutating func maps(of states: [GPUState]) -> [GPUUUID: SlotMap] {
        var fresh: [GPUUUID: Known] = [:]
        for state in states {
            let old = known[state.uuid].flatMap { Self.isSame($0.state, state) ? $0.map : nil }
            fresh[state.uuid] = Known(state: state, map: old ?? SlotMap(of: state))
        }
        known = fresh
        return fresh.mapValues(\.map)
    }

    /// Whether everything that a map tells of is as it was.
    private static func isSame(_ old: GPUState, _ new: GPUState) -> Bool {
        old.index == new.index && old.occupants == new.occupants && old.avoided == new.avoided
            && old.geometry.profiles == new.geometry.profiles
    }
}
