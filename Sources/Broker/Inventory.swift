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

    package init(entries: [Entry]) { self.entries = entries }

    /// Asks the driver for everything. Blocks as the driver likes.
    package static func read(_ driver: NVMLDriver) throws(NVMLError) -> Inventory {
        var entries: [Entry] = []
        for gpu in try driver.gpus() { entries.append(try entry(of: gpu, driver)) }
        return Inventory(entries: entries)
    }

    package func entry(_ uuid: GPUUUID) -> Entry? { entries.first { $0.gpu.uuid == uuid } }

    static func entry(of gpu: GPU, _ driver: NVMLDriver) throws(NVMLError) -> Entry {
        guard gpu.mode?.isEnabled == true else { return Entry(gpu: gpu, profiles: [], instances: []) }
        return Entry(
            gpu: gpu, profiles: try driver.gpuInstanceProfiles(of: gpu.uuid),
            instances: try driver.instances(on: gpu.uuid))
    }
}
