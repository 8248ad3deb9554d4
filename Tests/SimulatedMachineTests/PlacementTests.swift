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
    // `facts/nvml.md` 4.4, all but the sequence of three of profile 15, which the rule does not explain.
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
        ] as [([UInt32], [Int])], [false, true])
    func `the driver's own choice is the one recorded on real boards`(
        sequence: (profiles: [UInt32], starts: [Int]), isMirrored: Bool
    ) throws {
        let models = GPUModel.sevenSlices + [GPUModel.a100.shown(by: "510.39.01")]
        for model in models where sequence.profiles.allSatisfy({ model.profile(GPUInstanceProfileID($0)) != nil }) {
            var gpu = gpu(model)
            let starts = try sequence.profiles.map { try gpu.create($0, isMirrored: isMirrored).placement.start }
            #expect(starts == sequence.starts, "\(model.name)")
        }
    }

    @Test func `on an A30 it is the lowest`() throws {
        for isMirrored in [false, true] {
            var gpu = gpu(.a30)
            #expect(try [14, 14, 5].map { try gpu.create($0, isMirrored: isMirrored).placement.start } == [0, 1, 2])
        }
    }

    @Test(arguments: GPUModel.sevenSlices.map(\.name))
    func `the documented trap is there: 1g, 1g, 2g leave no room for 3g`(name: String) throws {
        var gpu = gpu(try #require(GPUModel.sevenSlices.first { $0.name == name }))
        #expect(try [19, 19, 14].map { try gpu.create($0).placement.start } == [6, 4, 0])
        #expect(throws: DriverCode.insufficientResources) { try gpu.create(9) }
        #expect(gpu.model.profile(GPUInstanceProfileID(9)).map { gpu.remainingCapacity(of: $0) } == 0)
    }

    @Test func `a profile that is withheld counts in the choice, for the driver has it`() throws {
        var without = gpu(.b200)
        var with = gpu(GPUModel.b200.shown(by: .usual, admittingEstimates: true))
        #expect(without.model.profiles.count < with.model.profiles.count)
        for profile: UInt32 in [14, 19, 19, 19, 19, 19] {
            #expect(try without.create(profile).placement == with.create(profile).placement)
        }
        #expect(throws: DriverCode.invalidArgument) { try without.create(9) }
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

    // A30: whole, halves, then the four 1g. Boards of four slices have the same tree.
    @Test(
        arguments: [
            (0, Placement(start: 0, size: 4), 0, 0), (5, Placement(start: 0, size: 2), 1, 2),
            (5, Placement(start: 2, size: 2), 2, 1), (14, Placement(start: 0, size: 1), 3, 5),
            (14, Placement(start: 1, size: 1), 4, 6), (14, Placement(start: 3, size: 1), 6, 4),
        ] as [(UInt32, Placement, UInt32, UInt32)])
    func `four slices have a shorter tree`(
        profile: UInt32, placement: Placement, id: UInt32, mirrored: UInt32
    ) throws {
        for model in [GPUModel.a30, .rtxPro6000Workstation, .rtxPro6000Server] {
            var plain = gpu(model)
            #expect(try plain.create(profile, at: placement).id.rawValue == id)
            var other = gpu(model)
            #expect(try other.create(profile, at: placement, isMirrored: true).id.rawValue == mirrored)
        }
    }

    @Test(arguments: [(false, [13, 11, 12, 7, 8, 9, 10]), (true, [9, 7, 8, 11, 12, 13, 14])])
    func `seven small instances get the ids recorded on a GH200 and on a mirrored H100`(
        isMirrored: Bool, ids: [UInt32]
    ) throws {
        var gpu = gpu(isMirrored ? .h100PCIe : .gh200)
        #expect(try ids.map { _ in try gpu.create(19, isMirrored: isMirrored).id.rawValue } == ids)
    }

    // The seed notes make two 3g: the ids come as 2 and 1, and the listing has 1 at 4:4 and 2 at 0:4. The driver's own
    // choice gives the former on a plain board and the latter on a mirrored one; where the places are named, lower half
    // first, a mirrored board gives both.
    @Test func `two halves get the ids of the notes`() throws {
        func made(isMirrored: Bool, starts: [Int?]) throws -> [SimulatedGPU.Instance] {
            var gpu = gpu(.a100)
            return try starts.map { start in
                try gpu.create(9, at: start.map { Placement(start: $0, size: 4) }, isMirrored: isMirrored)
            }
        }
        let listing: [UInt32: Int] = [1: 4, 2: 0]
        func list(_ made: [SimulatedGPU.Instance]) -> [UInt32: Int] {
            Dictionary(uniqueKeysWithValues: made.map { ($0.id.rawValue, $0.placement.start) })
        }
        #expect(try made(isMirrored: false, starts: [nil, nil]).map(\.id.rawValue) == [2, 1])
        #expect(try list(made(isMirrored: true, starts: [nil, nil])) == listing)
        let placed = try made(isMirrored: true, starts: [0, 4])
        #expect(placed.map(\.id.rawValue) == [2, 1] && list(placed) == listing)
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
        let model = try #require(GPUModel.allWithEstimates.first { $0.name == name })
        for profile in model.profiles {
            var gpu = gpu(model)
            let count = profile.gpuInstance.instanceCount
            #expect(gpu.remainingCapacity(of: profile) == count, "\(profile.gpuInstance.name)")
            for _ in 0..<count { _ = try gpu.create(profile.gpuInstance.id.rawValue) }
            #expect(throws: DriverCode.insufficientResources) { try gpu.create(profile.gpuInstance.id.rawValue) }
        }
    }

    @Test(
        arguments: [
            ("A30", 21, 6), ("A30", 6, 21), ("A30", 21, 0), ("RTX-PRO-6000", 21, 65), ("RTX-PRO-6000", 65, 14),
            ("RTX-PRO-6000", 65, 47), ("RTX-PRO-6000", 65, 35), ("RTX-PRO-6000", 64, 65), ("RTX-PRO-6000", 64, 5),
            ("RTX-PRO-6000", 14, 65), ("RTX-PRO-6000", 47, 64), ("RTX-PRO-6000", 35, 64), ("RTX-PRO-6000-SE", 32, 0),
            ("A100", 20, 20), ("A100", 20, 0), ("H100", 0, 20),
        ] as [(String, UInt32, UInt32)])
    func `media engines that are taken keep others out, wherever there is room`(
        model: String, first: UInt32, second: UInt32
    ) throws {
        var gpu = gpu(try #require(GPUModel.named(model)))
        _ = try gpu.create(first)
        let refused = try #require(gpu.model.profile(GPUInstanceProfileID(second)))
        #expect(gpu.remainingCapacity(of: refused) == 0)
        for placement in [nil] + gpu.freePlacements(of: refused) {
            #expect(throws: DriverCode.insufficientResources) { try gpu.create(second, at: placement) }
        }
    }

    @Test(
        arguments: [
            ("A30", 21, 5), ("A30", 6, 14), ("RTX-PRO-6000", 65, 67), ("RTX-PRO-6000", 64, 66),
            ("RTX-PRO-6000", 21, 47), ("RTX-PRO-6000", 14, 35), ("A100", 20, 9), ("A100-80GB", 5, 9),
        ] as [(String, UInt32, UInt32)])
    func `what shares no engine lies side by side`(model: String, first: UInt32, second: UInt32) throws {
        var gpu = gpu(try #require(GPUModel.named(model)))
        _ = try gpu.create(first)
        _ = try gpu.create(second)
        #expect(gpu.instances.count == 2)
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
    static var a100: GPUModel { a100SXM40 }
    static var h100: GPUModel { h100SXM80 }
    /// The one without MIG.
    static var l4: GPUModel { all.first { !$0.supportsMIG } ?? all[0] }

    /// All that estimates can add.
    static var allWithEstimates: [GPUModel] {
        all.map { $0.shown(by: .usual, admittingEstimates: true) }
    }

    static var sevenSlices: [GPUModel] { allWithEstimates.filter { $0.computeSlices == 7 } }
}
