package import JSON

/// A GPU as leases and instances refer to it.
package struct GPUReference: WireObject {
    package var uuid: String
    package var index: Int
    package var name: String

    package init(uuid: String, index: Int, name: String) {
        self.uuid = uuid
        self.index = index
        self.name = name
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        uuid = try object.string("uuid")
        index = try object.int("index")
        name = try object.string("name")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("uuid", uuid)
        object.add("index", index)
        object.add("name", name)
        return object.json
    }
}

/// Slices that an instance takes.
package struct PlacementInfo: WireObject {
    package var start: Int
    package var size: Int

    package init(start: Int, size: Int) {
        self.start = start
        self.size = size
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        start = try object.int("start")
        size = try object.int("size")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("start", start)
        object.add("size", size)
        return object.json
    }
}

/// One memory slice of a GPU as the caller may see it.
package struct Slot: WireObject {
    package var slice: Int
    /// `free`, `yours`, `used` or `external`.
    package var state: String
    /// When the lease on it ends; nil where there is none.
    package var until: String?

    package init(slice: Int, state: String, until: String? = nil) {
        self.slice = slice
        self.state = state
        self.until = until
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        slice = try object.int("slice")
        state = try object.string("state")
        until = try object.optionalString("until")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("slice", slice)
        object.add("state", state)
        object.add("until", until)
        return object.json
    }
}

/// A GPU with its slot map.
package struct GPUInfo: WireObject {
    package var index: Int
    package var uuid: String
    package var pci: String
    package var name: String
    package var memoryMiB: Int
    /// `enabled`, `disabled` or `unsupported`.
    package var mode: String
    /// What a reset would make of the mode.
    package var pendingMode: String
    package var slots: [Slot]

    package init(
        index: Int, uuid: String, pci: String, name: String, memoryMiB: Int, mode: String, pendingMode: String,
        slots: [Slot]
    ) {
        self.index = index
        self.uuid = uuid
        self.pci = pci
        self.name = name
        self.memoryMiB = memoryMiB
        self.mode = mode
        self.pendingMode = pendingMode
        self.slots = slots
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        index = try object.int("index")
        uuid = try object.string("uuid")
        pci = try object.string("pci")
        name = try object.string("name")
        memoryMiB = try object.int("memoryMiB")
        mode = try object.string("mode")
        pendingMode = try object.string("pendingMode")
        slots = try object.wires("slots")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("index", index)
        object.add("uuid", uuid)
        object.add("pci", pci)
        object.add("name", name)
        object.add("memoryMiB", memoryMiB)
        object.add("mode", mode)
        object.add("pendingMode", pendingMode)
        object.add("slots", slots)
        return object.json
    }
}

/// A kind of GPU instance on one GPU.
package struct ProfileInfo: WireObject {
    package var gpu: GPUReference
    package var name: String
    package var id: Int
    package var slices: Int
    package var memoryMiB: Int
    package var multiprocessors: Int
    package var copyEngines: Int
    package var decoders: Int
    package var encoders: Int
    package var jpegEngines: Int
    package var opticalFlow: Int
    /// How many more fit now.
    package var free: Int
    /// How many fit on an empty GPU.
    package var total: Int
    package var placements: [PlacementInfo]

    package init(
        gpu: GPUReference, name: String, id: Int, slices: Int, memoryMiB: Int, multiprocessors: Int, copyEngines: Int,
        decoders: Int, encoders: Int, jpegEngines: Int, opticalFlow: Int, free: Int, total: Int,
        placements: [PlacementInfo]
    ) {
        self.gpu = gpu
        self.name = name
        self.id = id
        self.slices = slices
        self.memoryMiB = memoryMiB
        self.multiprocessors = multiprocessors
        self.copyEngines = copyEngines
        self.decoders = decoders
        self.encoders = encoders
        self.jpegEngines = jpegEngines
        self.opticalFlow = opticalFlow
        self.free = free
        self.total = total
        self.placements = placements
    }

    package init(_ object: inout JSONObjectReader) throws(JSONShapeError) {
        gpu = try object.wire("gpu")
        name = try object.string("name")
        id = try object.int("id")
        slices = try object.int("slices")
        memoryMiB = try object.int("memoryMiB")
        multiprocessors = try object.int("multiprocessors")
        copyEngines = try object.int("copyEngines")
        decoders = try object.int("decoders")
        encoders = try object.int("encoders")
        jpegEngines = try object.int("jpegEngines")
        opticalFlow = try object.int("opticalFlow")
        free = try object.int("free")
        total = try object.int("total")
        placements = try object.wires("placements")
    }

    package var json: JSONValue {
        var object = ObjectBuilder()
        object.add("gpu", gpu)
        object.add("name", name)
        object.add("id", id)
        object.add("slices", slices)
        object.add("memoryMiB", memoryMiB)
        object.add("multiprocessors", multiprocessors)
        object.add("copyEngines", copyEngines)
        object.add("decoders", decoders)
        object.add("encoders", encoders)
        object.add("jpegEngines", jpegEngines)
        object.add("opticalFlow", opticalFlow)
        object.add("free", free)
        object.add("total", total)
        object.add("placements", placements)
        return object.json
    }
}
