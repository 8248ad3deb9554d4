internal import CNVML
package import MIG

extension NVMLDriver {
    // The driver ends an enumeration of kinds by INVALID_ARGUMENT; this only keeps a mad one from going on for ever.
    private static let mostKinds: UInt32 = 64
    // No board has more memory slices than 8; twice as many placements are more than any profile has.
    private static let mostPlacements = 64

    /// What GPU instances a GPU offers, with every legal placement; none where its mode is off and it will not tell.
    package func gpuInstanceProfiles(of gpu: GPUUUID) throws(NVMLError) -> [GPUInstanceProfile] {
        let device = try device(gpu)
        return try keptProfiles(of: gpu) { () throws(NVMLError) in
            try Self.kinds { kind throws(NVMLError) in
                try gpuInstanceProfile(GPUInstanceProfileKind(kind), of: device)
            }
        }
    }

    /// How many instances of a profile could still be made on a GPU.
    package func remainingCapacity(
        of profile: GPUInstanceProfileID, on gpu: GPUUUID
    ) throws(NVMLError) -> Int {
        let device = try device(gpu)
        return try number("nvmlDeviceGetGpuInstanceRemainingCapacity") {
            unsafe functions.remainingCapacity(device.raw, profile.rawValue, $0)
        }
    }

    /// What compute instances a GPU instance offers.
    package func computeInstanceProfiles(
        of gi: GPUInstanceID, on gpu: GPUUUID
    ) throws(NVMLError) -> [ComputeInstanceProfile] {
        let instance = try gpuInstance(gi, on: gpu)
        let parent = try gpuInstanceProfile(try info(of: instance).profile, of: gpu)
        return try computeInstanceProfiles(in: instance, parent: parent, on: gpu)
    }

    /// The profile of an id among those of a GPU; an instance of a profile that its GPU does not offer cannot be.
    func gpuInstanceProfile(
        _ id: GPUInstanceProfileID, of gpu: GPUUUID
    ) throws(NVMLError) -> GPUInstanceProfile {
        guard let profile = try gpuInstanceProfiles(of: gpu).first(where: { $0.id == id }) else {
            throw .nonsense(call: "nvmlGpuInstanceGetInfo", answer: "profile \(id), which the GPU does not offer")
        }
        return profile
    }

    func computeInstanceProfiles(
        in instance: GPUInstanceHandle, parent: GPUInstanceProfile, on gpu: GPUUUID
    ) throws(NVMLError) -> [ComputeInstanceProfile] {
        try keptComputeProfiles(in: parent.id, of: gpu) { () throws(NVMLError) in
            let offered = try Self.kinds { number throws(NVMLError) in
                let kind = ComputeInstanceProfileKind(number)
                return (kind: kind, info: try newestProfileInfo(kind, in: instance))
            }
            // Placements come after, or their INVALID_ARGUMENT would be taken for the end of the kinds.
            return try offered.map { kind, info throws(NVMLError) in
                let formulaName = ProfileNameFormula.name(computeSlices: info.slices, of: parent)
                let id = ComputeInstanceProfileID(info.id)
                return ComputeInstanceProfile(
                    name: Self.profileName(info.name) ?? formulaName, kind: kind, id: id, slices: info.slices,
                    multiprocessors: info.multiprocessors, instanceCount: info.instanceCount, engines: info.engines,
                    placements: try placements(of: id, in: instance))
            }
        }
    }

    private func gpuInstanceProfile(
        _ kind: GPUInstanceProfileKind, of device: DeviceHandle
    ) throws(NVMLError) -> GPUInstanceProfile {
        let info = try newestProfileInfo(kind, of: device)
        let id = GPUInstanceProfileID(info.id)
        return GPUInstanceProfile(
            name: try name(of: info, kind, on: device), kind: kind, id: id, slices: info.slices,
            memoryMiB: info.memoryMiB, multiprocessors: info.multiprocessors, instanceCount: info.instanceCount,
            engines: info.engines, placements: try placements(of: id, on: device))
    }

    private func name(
        of info: GPUInstanceProfileInfo, _ kind: GPUInstanceProfileKind, on device: DeviceHandle
    ) throws(NVMLError) -> String {
        if let told = Self.profileName(info.name) { return told }
        let board = try memoryBytes(of: device)
        return ProfileNameFormula.name(kind, slices: info.slices, memoryMiB: info.memoryMiB, boardBytes: board)
    }

    private func placements(
        of profile: GPUInstanceProfileID, on device: DeviceHandle
    ) throws(NVMLError) -> [Placement] {
        let name = "nvmlDeviceGetGpuInstancePossiblePlacements_v2"
        let count = try number(name) { unsafe functions.possiblePlacements(device.raw, profile.rawValue, nil, $0) }
        guard count <= Self.mostPlacements else { throw .nonsense(call: name, answer: "\(count) placements") }
        let placements = try list(name, nvmlGpuInstancePlacement_t(), capacity: count) {
            unsafe functions.possiblePlacements(device.raw, profile.rawValue, $0, $1)
        }
        return placements.map { Placement(start: Int($0.start), size: Int($0.size)) }
    }

    /// None where the library does not tell: whoever makes a compute instance then leaves the place to the driver.
    private func placements(
        of profile: ComputeInstanceProfileID, in instance: GPUInstanceHandle
    ) throws(NVMLError) -> [Placement] {
        guard let function = unsafe functions.possibleComputePlacements else { return [] }
        let name = "nvmlGpuInstanceGetComputeInstancePossiblePlacements"
        do throws(NVMLError) {
            let count = try number(name) { unsafe function(instance.raw, profile.rawValue, nil, $0) }
            guard count <= Self.mostPlacements else { throw .nonsense(call: name, answer: "\(count) placements") }
            let placements = try list(name, nvmlComputeInstancePlacement_t(), capacity: count) {
                unsafe function(instance.raw, profile.rawValue, $0, $1)
            }
            return placements.map { Placement(start: Int($0.start), size: Int($0.size)) }
        } catch .call(_, .notSupported), .call(_, .functionNotFound) {
            return []
        }
    }

    /// Asks for each kind in turn: NOT_SUPPORTED means that there is none of it, INVALID_ARGUMENT that no more come.
    private static func kinds<Profile>(
        _ read: (UInt32) throws(NVMLError) -> Profile
    ) throws(NVMLError) -> [Profile] {
        var profiles: [Profile] = []
        for kind in 0..<mostKinds {
            do throws(NVMLError) {
                profiles.append(try read(kind))
            } catch .call(_, .notSupported) {
                continue
            } catch .call(_, .invalidArgument) {
                break
            }
        }
        return profiles
    }

    /// A profile's name as the struct has it, without the leading "MIG "; nil where it has none of that form.
    private static func profileName(_ name: String?) -> String? {
        guard let name else { return nil }
        let bytes = Array(name.utf8)
        let short = bytes.starts(with: "MIG ".utf8) ? Array(bytes.dropFirst(4)) : bytes
        return ProfileName.hasForm(short) ? String(decoding: short, as: UTF8.self) : nil
    }
}

extension [ComputeInstanceProfile] {
    /// The profile that takes a whole GPU instance, the one `nvidia-smi mig -C` makes.
    ///
    /// By multiprocessors, not by slices: in a 1g of double memory two profiles of one slice may stand side by side.
    package var whole: ComputeInstanceProfile? {
        self.max { a, b in
            a.multiprocessors != b.multiprocessors
                ? a.multiprocessors < b.multiprocessors : a.kind.rawValue > b.kind.rawValue
        }
    }
}
