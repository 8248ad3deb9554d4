import MIG
import SimulatedMachine
import Testing

@Suite struct `Compute instances` {
    @Test(arguments: GPUModel.all.map(\.name))
    func `every profile has as many places as its table counts`(name: String) throws {
        let model = try #require(GPUModel.named(name))
        for profile in model.profiles {
            for compute in profile.computeInstances {
                let placements = profile.placements(of: compute)
                #expect(placements.count == compute.instanceCount, "\(compute.name)")
                #expect(placements.allSatisfy { $0.start + $0.size <= profile.gpuInstance.slices.rawValue })
            }
            #expect(profile.wholeCompute?.multiprocessors == profile.gpuInstance.multiprocessors)
        }
    }

    @Test func `three of one slice fill a 3g, side by side, with ids from 0`() throws {
        var gpu = gpu(.a100)
        let instance = try gpu.create(9)
        let made = try (0..<3).map { _ in
            try gpu.createCompute(ComputeInstanceProfileID(0), in: instance.id, at: nil, serial: 2)
        }
        #expect(Set(made.map(\.placement.start)) == [0, 1, 2])
        #expect(made.map(\.id.rawValue) == [0, 1, 2])
        #expect(Set(made.map(\.uuid)).count == 3)
        #expect(throws: DriverCode.insufficientResources) {
            try gpu.createCompute(ComputeInstanceProfileID(0), in: instance.id, at: nil, serial: 2)
        }
    }

    @Test func `an id that is free again is given again`() throws {
        var gpu = gpu(.a100)
        let instance = try gpu.create(9)
        let one = ComputeInstanceProfileID(0)
        for _ in 0..<3 { _ = try gpu.createCompute(one, in: instance.id, at: nil, serial: 2) }
        try gpu.destroyCompute(ComputeInstanceID(1), in: instance.id, isHeld: false)
        #expect(try gpu.createCompute(one, in: instance.id, at: nil, serial: 2).id == ComputeInstanceID(1))
    }

    @Test(
        arguments: [
            ("an unknown profile", 5, nil, .invalidArgument),
            ("the profile of another GPU instance", 4, nil, .invalidArgument),
            ("a start past the end", 0, Placement(start: 3, size: 1), .invalidArgument),
            ("a start that is no multiple", 1, Placement(start: 1, size: 2), .invalidArgument),
            ("a taken place", 0, Placement(start: 0, size: 1), .insufficientResources),
            ("the whole of an instance in use", 2, nil, .insufficientResources),
        ] as [(String, UInt32, Placement?, DriverCode)])
    func `what does not fit is refused`(
        what: String, profile: UInt32, placement: Placement?, code: DriverCode
    ) throws {
        var gpu = gpu(.h100)
        let instance = try gpu.create(9)
        _ = try gpu.createCompute(
            ComputeInstanceProfileID(0), in: instance.id, at: Placement(start: 0, size: 1), serial: 2)
        #expect(throws: code, "\(what)") {
            try gpu.createCompute(
                ComputeInstanceProfileID(profile), in: instance.id, at: placement, serial: 3)
        }
        #expect(gpu.devices.count == 1)
    }

    @Test func `nothing is made in an instance that is not there`() {
        var gpu = gpu(.a100)
        #expect(throws: DriverCode.notFound) {
            try gpu.createCompute(ComputeInstanceProfileID(0), in: GPUInstanceID(3), at: nil, serial: 1)
        }
        #expect(throws: DriverCode.notFound) {
            try gpu.destroyCompute(ComputeInstanceID(0), in: GPUInstanceID(3), isHeld: false)
        }
    }

    @Test func `MIG devices are listed by GPU instance id, then compute instance id`() throws {
        var gpu = gpu(.a100)
        for start in [6, 0, 4] {
            let instance = try gpu.create(19, at: Placement(start: start, size: 1))
            _ = try gpu.createCompute(ComputeInstanceProfileID(0), in: instance.id, at: nil, serial: 2)
        }
        #expect(gpu.devices.map(\.instance.id.rawValue) == [7, 11, 13])
    }

    @Test func `UUIDs look like version 5 and are the same for the same slices`() throws {
        var uuids: [MIGUUID] = []
        for _ in 0..<2 {
            var gpu = gpu(.a100)
            let instance = try gpu.create(9)
            uuids.append(try gpu.createCompute(ComputeInstanceProfileID(2), in: instance.id, at: nil, serial: 2).uuid)
        }
        #expect(uuids[0] == uuids[1])
        let text = Array(uuids[0].description.utf8)
        #expect(text[18] == UInt8(ascii: "5"))
        #expect("89ab".utf8.contains(text[23]))
    }
}

@Suite struct `MIG mode` {
    @Test(arguments: [
        ("A100", false, true, false, DriverCode.success, DriverCode.success, true, true),
        ("A100", false, true, true, .success, .inUse, false, true),
        ("A100", true, false, true, .success, .inUse, true, false),
        ("A100", true, true, true, .success, .success, true, true),
        ("H100", false, true, false, .success, .success, true, true),
        ("H100", false, true, true, .success, .inUse, false, false),
        ("H100", true, false, true, .inUse, .inUse, true, true),
        ("H100", true, false, false, .success, .success, false, false),
    ])
    func `a change is active, pending or refused as the model has it`(
        model: String, from: Bool, to: Bool, hasClient: Bool, result: DriverCode, activation: DriverCode,
        current: Bool, pending: Bool
    ) throws {
        var gpu = gpu(try #require(GPUModel.named(model)))
        _ = gpu.setMode(enabled: from, hasClient: false)
        let change = gpu.setMode(enabled: to, hasClient: hasClient)
        #expect(change.result == result && change.activation == activation)
        #expect(gpu.mode == MIGMode(isEnabled: current, isPendingEnabled: pending))
    }

    @Test func `instances keep the mode from being turned off`() throws {
        for model in GPUModel.all where model.supportsMIG {
            var gpu = gpu(model)
            let instance = try gpu.create(19)
            #expect(gpu.setMode(enabled: false, hasClient: false).activation == .inUse)
            #expect(gpu.mode.isEnabled && gpu.instances == [instance])
        }
    }

    @Test func `a wish can be taken back before the reset`() {
        var gpu = gpu(.a100)
        _ = gpu.setMode(enabled: false, hasClient: true)
        #expect(gpu.mode.isPending)
        #expect(gpu.setMode(enabled: true, hasClient: true).activation == .success)
        #expect(!gpu.mode.isPending)
    }

    @Test func `a reload loses instances everywhere and the mode where the board does not store it`() throws {
        for (model, survives) in [(GPUModel.a100, true), (.h100, false)] {
            var gpu = gpu(model)
            _ = try gpu.create(9)
            gpu.forgetAtReload()
            #expect(gpu.instances.isEmpty)
            #expect(gpu.mode.isEnabled == survives)
        }
    }
}
