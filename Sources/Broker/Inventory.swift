package import MIG
package import NVML

/// What the driver shows, read at one moment: GPUs, what they can be cut into, and how they are cut.
package struct Inventory: Hashable, Sendable {
    /// One GPU and all on it.
    package struct Entry: Hashable, Sendable {
        package let gpu: GPU
        /// Empty where the mode is off.
        package let profiles: [GPUInstanceProfile]
        package let instances: [GPUInstance]

        package func profile(_ id: GPUInstanceProfileID) -> GPUInstanceProfile? { profiles.first { $0.id == id } }
        package func instance(_ id: GPUInstanceID) -> GPUInstance? { instances.first { $0.id == id } }
    }

    /// By rising index.
    package let entries: [Entry]
    /// Whether every GPU that the driver counts is among them: what is on one that does not answer is not known to be
    /// gone.
    package let isComplete: Bool

    package init(entries: [Entry], isComplete: Bool = true) {
        self.entries = entries
        self.isComplete = isComplete
    }

    /// Asks the driver for everything; a GPU that does not answer hides no other one. Blocks as the driver likes.
    package static func read(_ driver: NVMLDriver) throws(NVMLError) -> Inventory {
        let found = try driver.inventory()
        var entries: [Entry] = []
        var failure = found.unreadable.first?.error
        for gpu in found.gpus {
            do throws(NVMLError) {
                entries.append(try entry(of: gpu, driver))
            } catch .driverNotLoaded {
                throw .driverNotLoaded
            } catch {
                failure = failure ?? error
            }
        }
        if entries.isEmpty, let failure { throw failure }
        return Inventory(entries: entries, isComplete: failure == nil)
    }

    /// Whether a GPU is not there any more, as far as can be told.
    package func lacks(_ uuid: GPUUUID) -> Bool { isComplete && entry(uuid) == nil }

    package func entry(_ uuid: GPUUUID) -> Entry? { entries.first { $0.gpu.uuid == uuid } }

    static func entry(of gpu: GPU, _ driver: NVMLDriver) throws(NVMLError) -> Entry {
        guard gpu.mode?.isEnabled == true else { return Entry(gpu: gpu, profiles: [], instances: []) }
        return Entry(
            gpu: gpu, profiles: try driver.gpuInstanceProfiles(of: gpu.uuid),
            instances: try driver.instances(on: gpu.uuid))
    }
}
