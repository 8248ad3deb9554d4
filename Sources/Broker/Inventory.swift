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
        /// What fits into the GPU instances that there are, by their profiles.
        package let computeProfiles: [GPUInstanceProfileID: [ComputeInstanceProfile]]

        package init(
            gpu: GPU, profiles: [GPUInstanceProfile], instances: [GPUInstance],
            computeProfiles: [GPUInstanceProfileID: [ComputeInstanceProfile]] = [:]
        ) {
            self.gpu = gpu
            self.profiles = profiles
            self.instances = instances
            self.computeProfiles = computeProfiles
        }

        package func profile(_ id: GPUInstanceProfileID) -> GPUInstanceProfile? { profiles.first { $0.id == id } }
        package func instance(_ id: GPUInstanceID) -> GPUInstance? { instances.first { $0.id == id } }

        /// The profile of a compute instance, or nil where its GPU instance offers none like it.
        package func computeProfile(of compute: ComputeInstance, in parent: GPUInstance) -> ComputeInstanceProfile? {
            computeProfiles[parent.profile]?.first { $0.id == compute.profile }
        }

        /// The name of a compute instance's profile, `1c.3g.20gb`, or what can be said of it where nothing offers it.
        package func name(of compute: ComputeInstance, in gi: GPUInstanceID) -> String {
            let parent = instance(gi)
            if let offered = parent.flatMap({ computeProfile(of: compute, in: $0) }) { return offered.name }
            return parent.flatMap { profile($0.profile) }
                .map { ProfileName.computeInstance(slices: SliceCount(compute.placement.size), in: $0) }
                ?? "profile \(compute.profile)"
        }
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

    /// The modes of those that have one.
    var modes: [GPUUUID: MIGMode] {
        Dictionary(entries.compactMap { entry in entry.gpu.mode.map { (entry.gpu.uuid, $0) } }) { $1 }
    }

    package func entry(_ uuid: GPUUUID) -> Entry? { entries.first { $0.gpu.uuid == uuid } }

    static func entry(of gpu: GPU, _ driver: NVMLDriver) throws(NVMLError) -> Entry {
        guard gpu.mode?.isEnabled == true else { return Entry(gpu: gpu, profiles: [], instances: []) }
        let instances = try driver.instances(on: gpu.uuid)
        var computeProfiles: [GPUInstanceProfileID: [ComputeInstanceProfile]] = [:]
        for instance in instances where computeProfiles[instance.profile] == nil {
            computeProfiles[instance.profile] = driver.knownComputeProfiles(in: instance.profile, of: gpu.uuid)
        }
        return Entry(
            gpu: gpu, profiles: try driver.gpuInstanceProfiles(of: gpu.uuid), instances: instances,
            computeProfiles: computeProfiles)
    }
}
