package import JSON

/// A compute instance inside a GPU instance.
package struct ComputeInstanceInfo: WireObject {
    package var ci: Int
    package var profile: String
    package var placement: PlacementInfo
    package var uuid: String?

    package init(ci: Int, profile: String, placement: PlacementInfo, uuid: String? = nil) {
        self.ci = ci
        self.profile = profile
        self.placement = placement
        self.uuid = uuid
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        ci = try object.int("ci")
        profile = try object.string("profile")
        placement = try object.wire("placement")
        uuid = try object.optionalString("uuid")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("ci", ci)
        object.add("profile", profile)
        object.add("placement", placement)
        object.add("uuid", uuid)
        return object.json
    }
}

/// A kind of compute instance inside one GPU instance.
package struct ComputeProfileInfo: WireObject {
    package var name: String
    package var id: Int
    package var slices: Int
    package var multiprocessors: Int
    package var copyEngines: Int
    package var decoders: Int
    package var encoders: Int
    package var jpegEngines: Int
    package var opticalFlow: Int
    /// How many more fit now.
    package var free: Int
    /// How many fit into an empty GPU instance.
    package var total: Int
    package var placements: [PlacementInfo]
    /// Whether it takes all of the GPU instance.
    package var isWhole: Bool

    package init(
        name: String, id: Int, slices: Int, multiprocessors: Int, copyEngines: Int, decoders: Int, encoders: Int,
        jpegEngines: Int, opticalFlow: Int, free: Int, total: Int, placements: [PlacementInfo], isWhole: Bool
    ) {
        self.name = name
        self.id = id
        self.slices = slices
        self.multiprocessors = multiprocessors
        self.copyEngines = copyEngines
        self.decoders = decoders
        self.encoders = encoders
        self.jpegEngines = jpegEngines
        self.opticalFlow = opticalFlow
        self.free = free
        self.total = total
        self.placements = placements
        self.isWhole = isWhole
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        name = try object.string("name")
        id = try object.int("id")
        slices = try object.int("slices")
        multiprocessors = try object.int("multiprocessors")
        copyEngines = try object.int("copyEngines")
        decoders = try object.int("decoders")
        encoders = try object.int("encoders")
        jpegEngines = try object.int("jpegEngines")
        opticalFlow = try object.int("opticalFlow")
        free = try object.int("free")
        total = try object.int("total")
        placements = try object.wires("placements")
        isWhole = try object.bool("isWhole")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("name", name)
        object.add("id", id)
        object.add("slices", slices)
        object.add("multiprocessors", multiprocessors)
        object.add("copyEngines", copyEngines)
        object.add("decoders", decoders)
        object.add("encoders", encoders)
        object.add("jpegEngines", jpegEngines)
        object.add("opticalFlow", opticalFlow)
        object.add("free", free)
        object.add("total", total)
        object.add("placements", placements)
        object.add("isWhole", isWhole)
        return object.json
    }
}

/// A GPU instance; without a lease it is another tool's.
package struct InstanceInfo: WireObject {
    package var gpu: GPUReference
    package var gi: Int
    package var profile: String
    package var profileId: Int
    package var placement: PlacementInfo
    package var computeInstances: [ComputeInstanceInfo]
    package var computeProfiles: [ComputeProfileInfo]
    package var lease: String?
    package var user: String?

    package init(
        gpu: GPUReference, gi: Int, profile: String, profileId: Int, placement: PlacementInfo,
        computeInstances: [ComputeInstanceInfo], computeProfiles: [ComputeProfileInfo], lease: String? = nil,
        user: String? = nil
    ) {
        self.gpu = gpu
        self.gi = gi
        self.profile = profile
        self.profileId = profileId
        self.placement = placement
        self.computeInstances = computeInstances
        self.computeProfiles = computeProfiles
        self.lease = lease
        self.user = user
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpu = try object.wire("gpu")
        gi = try object.int("gi")
        profile = try object.string("profile")
        profileId = try object.int("profileId")
        placement = try object.wire("placement")
        computeInstances = try object.wires("computeInstances")
        computeProfiles = try object.wires("computeProfiles")
        lease = try object.optionalString("lease")
        user = try object.optionalString("user")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpu", gpu)
        object.add("gi", gi)
        object.add("profile", profile)
        object.add("profileId", profileId)
        object.add("placement", placement)
        object.add("computeInstances", computeInstances)
        object.add("computeProfiles", computeProfiles)
        object.add("lease", lease)
        object.add("user", user)
        return object.json
    }
}

/// A MIG device with the nodes that give access to it.
package struct DeviceInfo: WireObject {
    package var uuid: String
    package var gpu: GPUReference
    package var gi: Int
    package var ci: Int
    package var profile: String
    /// Of its GPU instance, whose compute instances share it.
    package var memoryMiB: Int
    package var multiprocessors: Int
    package var nodes: [String]
    package var lease: String?
    package var user: String?

    package init(
        uuid: String, gpu: GPUReference, gi: Int, ci: Int, profile: String, memoryMiB: Int, multiprocessors: Int,
        nodes: [String], lease: String? = nil, user: String? = nil
    ) {
        self.uuid = uuid
        self.gpu = gpu
        self.gi = gi
        self.ci = ci
        self.profile = profile
        self.memoryMiB = memoryMiB
        self.multiprocessors = multiprocessors
        self.nodes = nodes
        self.lease = lease
        self.user = user
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        uuid = try object.string("uuid")
        gpu = try object.wire("gpu")
        gi = try object.int("gi")
        ci = try object.int("ci")
        profile = try object.string("profile")
        memoryMiB = try object.int("memoryMiB")
        multiprocessors = try object.int("multiprocessors")
        nodes = try object.strings("nodes")
        lease = try object.optionalString("lease")
        user = try object.optionalString("user")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("uuid", uuid)
        object.add("gpu", gpu)
        object.add("gi", gi)
        object.add("ci", ci)
        object.add("profile", profile)
        object.add("memoryMiB", memoryMiB)
        object.add("multiprocessors", multiprocessors)
        object.add("nodes", nodes)
        object.add("lease", lease)
        object.add("user", user)
        return object.json
    }
}
