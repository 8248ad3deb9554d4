import MIG
import SimulatedMachine
import TestSupport
import Testing

/// A GPU with MIG on, in memory.
func gpu(_ model: GPUModel) -> SimulatedGPU {
    SimulatedGPU(
        model: model, uuid: DeviceNames.gpuUUID(Array(repeating: 7, count: 16)), serial: "1",
        pci: PCIAddress(domain: 0, bus: 7, device: 0), minor: 0, isMIGEnabled: true)
}

extension SimulatedGPU {
    mutating func create(
        _ profile: UInt32, at placement: Placement? = nil, isMirrored: Bool = false, hasClient: Bool = false
    ) throws(DriverCode) -> Instance {
        try createInstance(
            GPUInstanceProfileID(profile), at: placement, serial: 1, isMirrored: isMirrored, hasClient: hasClient)
    }
}

@Suite struct `Placement of GPU instances` {
    @Test(
        arguments: [
            ([19, 14, 5], [6, 4, 0]),
            ([9, 19, 14, 19], [4, 0, 2, 1]),
            ([14, 19, 19, 19, 19, 19], [4, 6, 0, 1, 2, 3]),
            ([19, 19, 19, 19, 19, 19, 19], [6, 4, 5, 0, 1, 2, 3]),
            ([14, 14, 14], [4, 0, 2]),
            ([9, 14], [4, 0]),
            ([9], [4]),
            ([9, 14, 19], [4, 0, 2]),
            ([14, 14, 19], [4, 0, 6]),
            ([9, 5], [4, 0]),
            ([15], [6]),
        ] as [([UInt32], [Int])])
    func `the driver's own choice is the one recorded on real boards`(profiles: [UInt32], starts: [Int]) throws {
        for model in GPUModel.all where model.supportsMIG {
            var gpu = gpu(model)
            #expect(try profiles.map { try gpu.create($0).placement.start } == starts, "\(model.name)")
        }
    }

    @Test func `the documented trap is there: 1g, 1g, 2g leave no room for 3g`() throws {
        var gpu = gpu(.a100)
        #expect(try [19, 19, 14].map { try gpu.create($0).placement.start } == [6, 4, 0])
        #expect(throws: DriverCode.insufficientResources) { try gpu.create(9) }
    }

    @Test(
        arguments: [
            (0, Placement(start: 0, size: 8), 0, 0), (9, Placement(start: 0, size: 4), 1, 2),
            (9, Placement(start: 4, size: 4), 2, 1), (14, Placement(start: 2, size: 2), 4, 6),
            (14, Placement(start: 4, size: 2), 5, 3), (19, Placement(start: 0, size: 1), 7, 11),
            (19, Placement(start: 6, size: 1), 13, 9), (15, Placement(start: 6, size: 2), 6, 4),
        ] as [(UInt32, Placement, UInt32, UInt32)])
    func `ids follow the tree of slices, with halves swapped on mirrored boards`(
        profile: UInt32, placement: Placement, id: UInt32, mirrored: UInt32
    ) throws {
        var plain = gpu(.h100)
        #expect(try plain.create(profile, at: placement).id.rawValue == id)
        var other = gpu(.h100)
        #expect(try other.create(profile, at: placement, isMirrored: true).id.rawValue == mirrored)
    }

    @Test func `seven small instances on a mirrored board get the recorded ids`() throws {
        var gpu = gpu(.h100)
        let ids = try (0..<7).map { _ in try gpu.create(19, isMirrored: true).id.rawValue }
        #expect(ids == [9, 7, 8, 11, 12, 13, 14])
    }

    @Test(
        arguments: [
            ("an unknown profile", 77, nil, .invalidArgument),
            ("a start that no table has", 19, Placement(start: 7, size: 1), .invalidArgument),
            ("a start between two", 14, Placement(start: 1, size: 2), .invalidArgument),
            ("2g past the last compute slice", 14, Placement(start: 6, size: 2), .invalidArgument),
            ("the wrong size", 9, Placement(start: 0, size: 3), .invalidArgument),
            ("4g in the upper half", 5, Placement(start: 4, size: 4), .invalidArgument),
            ("nothing at all", 19, Placement(start: 0, size: 0), .invalidArgument),
            ("a taken place", 9, Placement(start: 0, size: 4), .insufficientResources),
            ("part of a taken place", 19, Placement(start: 3, size: 1), .insufficientResources),
            ("the whole of a GPU in use", 0, nil, .insufficientResources),
            ("a second of the one with media engines", 20, nil, .insufficientResources),
            ("4g where 3g lies", 5, nil, .insufficientResources),
        ] as [(String, UInt32, Placement?, DriverCode)])
    func `what does not fit is refused and changes nothing`(
        what: String, profile: UInt32, placement: Placement?, code: DriverCode
    ) throws {
        var gpu = gpu(.a100)
        _ = try gpu.create(9, at: Placement(start: 0, size: 4))
        _ = try gpu.create(20, at: Placement(start: 4, size: 1))
        let before = gpu.instances
        #expect(throws: code, "\(what)") { try gpu.create(profile, at: placement) }
        #expect(gpu.instances == before)
    }

    @Test func `a GPU without MIG takes no instance, and a busy one no first instance`() throws {
        var off = gpu(.a100)
        _ = off.setMode(enabled: false, hasClient: false)
        #expect(throws: DriverCode.notSupported) { try off.create(19) }
        var busy = gpu(.a100)
        #expect(throws: DriverCode.inUse) { try busy.create(19, hasClient: true) }
        _ = try busy.create(19)
        _ = try busy.create(19, hasClient: true)
    }

    @Test func `room is told as it shrinks`() throws {
        var gpu = gpu(.a100)
        func room() -> [Int] {
            gpu.model.profiles.map { gpu.remainingCapacity(of: $0) }
        }
        // 1g, 1g+me, 1g double, 2g, 3g, 4g, 7g
        #expect(room() == [7, 1, 4, 3, 2, 1, 1])
        _ = try gpu.create(9, at: Placement(start: 4, size: 4))
        #expect(room() == [4, 1, 2, 2, 1, 1, 0])
        _ = try gpu.create(19, at: Placement(start: 0, size: 1))
        #expect(room() == [3, 1, 1, 1, 0, 0, 0])
        _ = try gpu.create(20, at: Placement(start: 1, size: 1))
        #expect(room() == [2, 0, 1, 1, 0, 0, 0])
    }

    @Test(arguments: GPUModel.all.map(\.name))
    func `every profile fits as often as its table says, and not once more`(name: String) throws {
        let model = try #require(GPUModel.named(name))
        for profile in model.profiles {
            var gpu = gpu(model)
            let count = profile.gpuInstance.instanceCount
            #expect(gpu.remainingCapacity(of: profile) == count, "\(profile.gpuInstance.name)")
            for _ in 0..<count { _ = try gpu.create(profile.gpuInstance.id.rawValue) }
            #expect(throws: DriverCode.insufficientResources) { try gpu.create(profile.gpuInstance.id.rawValue) }
        }
    }

    @Test func `a GPU instance with a compute instance or a holder stays`() throws {
        var gpu = gpu(.a100)
        let instance = try gpu.create(9)
        let whole = ComputeInstanceProfileID(2)
        let compute = try gpu.createCompute(whole, in: instance.id, at: nil, serial: 2)
        #expect(throws: DriverCode.inUse) { try gpu.destroyInstance(instance.id, isHeld: false) }
        #expect(throws: DriverCode.inUse) { try gpu.destroyCompute(compute.id, in: instance.id, isHeld: true) }
        try gpu.destroyCompute(compute.id, in: instance.id, isHeld: false)
        #expect(throws: DriverCode.inUse) { try gpu.destroyInstance(instance.id, isHeld: true) }
        try gpu.destroyInstance(instance.id, isHeld: false)
        #expect(throws: DriverCode.notFound) { try gpu.destroyInstance(instance.id, isHeld: false) }
    }
}

extension GPUModel {
    static var a100: GPUModel { all[0] }
    /// The one without MIG.
    static var l4: GPUModel { all.first { !$0.supportsMIG } ?? all[0] }
    static var h100: GPUModel { all[1] }
}
