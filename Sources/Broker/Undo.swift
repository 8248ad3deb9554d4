import MIG
import NVML
import Nodes
import Planner

/// The instances of a creation, to be taken back in reverse.
struct Undo {
    let executor: Executor
    let minors: [GPUUUID: Int]
    private var entries: [Plan.Entry] = []

    /// Whether there is anything to take back.
    var isEmpty: Bool { entries.isEmpty }

    init(executor: Executor, minors: [GPUUUID: Int]) {
        self.executor = executor
        self.minors = minors
    }

    /// Notes an instance that was made, or may have been.
    mutating func created(_ entry: Plan.Entry) { entries.append(entry) }

    /// Takes everything back as far as it can be.
    ///
    /// - Returns: what could not be, each with its reason; such an instance is external from then on.
    func run() -> [String] { entries.reversed().compactMap(takeBack) }

    /// The instance is looked for at its place, which was free and is ours: a driver that failed tells no id.
    private func takeBack(_ entry: Plan.Entry) -> String? {
        do throws(NVMLError) {
            let made = try executor.driver.instances(on: entry.gpu).first {
                $0.profile == entry.profile.id && $0.placement == entry.placement
            }
            guard let made else { return nil }
            close(made, on: entry.gpu)
            switch executor.destroy(made, on: entry.gpu) {
            case .gone: return nil
            case .shared(let ci):
                return "GPU instance \(made.id) (\(entry.profile.name) at \(entry.placement)): "
                    + "another tool made compute instance \(ci) in it"
            case .untouched(let error), .half(let error):
                return "GPU instance \(made.id) (\(entry.profile.name) at \(entry.placement)): \(error)"
            }
        } catch {
            return "perhaps a GPU instance (\(entry.profile.name) at \(entry.placement)): \(error)"
        }
    }

    /// Access goes before the instance; a node that cannot be closed is found by the next look over all nodes.
    private func close(_ made: GPUInstance, on gpu: GPUUUID) {
        guard let minor = minors[gpu] else { return }
        // Nobody was granted anything else than the caller, whose request has failed: loss of this error is harmless.
        try? executor.nodes.revoke(
            NodeGrant(
                user: .root, gpuMinor: minor, gpuInstance: made.id, computeInstances: made.computeInstances.map(\.id)))
    }
}
